"use strict";
(() => {
  const PAGE = 100;      // lines shown at once: a screen or two, and drawn in a few milliseconds
  const PRINTED = 2000;  // lines on paper
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const total = data.row.length;
  const rows = byId("rows"), text = byId("text"), found = byId("found"), page = byId("page");
  const back = byId("back"), on = byId("on"), all = byId("all");
  const pages = document.querySelector(".pages"), chips = [...document.querySelectorAll(".chip")];
  const chosen = new Set();
  let hits = null, first = 0, haystack = null;  // hits null: every line

  const element = (name, className, content) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (content !== undefined) made.textContent = content;
    return made;
  };

  const uuid = (agent) => data.agents[agent][0];
  const agentName = (agent) => data.agents[agent][1] || uuid(agent);

  // a name may run from right to left: apart from its neighbours, or before and after would change places
  const named = (agent) => {
    const made = element("bdi", "", agentName(agent) || "nobody");
    if (uuid(agent)) made.title = uuid(agent);
    return made;
  };

  const move = (i) => {
    const cell = element("td", "move"), before = data.before[i], after = data.after[i], wanted = data.agent[i];
    const known = uuid(after) || data.statuses[data.status[i]] !== "unknown";
    if (uuid(before) || uuid(after)) {
      cell.append(named(before));
      if (uuid(before) !== uuid(after)) {
        const now = element("b");
        now.append(known ? named(after) : "not known");
        cell.append(element("span", "arrow", "→"), now);
      }
    }
    if (uuid(after) !== uuid(wanted) && agentName(wanted)) {
      const small = element("small", "", "wanted: ");
      small.append(named(wanted));
      cell.append(small);
    }
    return cell;
  };

  const moment = (seconds) => {
    const [day, time] = new Date(data.began + seconds * 1000).toISOString().split("T");
    const same = day === new Date(data.began).toISOString().slice(0, 10);
    return `${same ? "" : `${day} `}${time.slice(0, 8)} UTC`;
  };

  const why = (i) => {
    const reason = data.reasons[data.reason[i]], colon = reason.indexOf(":");
    const cell = element("td", "why", reason.slice(colon + 1).trim());
    cell.title = reason.slice(0, colon);
    const note = data.notes[data.note[i]];
    const small = [data.hows[data.how[i]], data.at[i] < 0 ? "" : moment(data.at[i]), note && `note: ${note}`];
    if (small.some(Boolean)) cell.append(element("small", "", small.filter(Boolean).join(" · ")));
    return cell;
  };

  const line = (i) => {
    const made = element("tr"), status = data.statuses[data.status[i]], channel = data.channels[data.channel[i]];
    const place = element("th", "num", data.row[i].toLocaleString("en"));
    place.scope = "row";
    const word = element("td", "status"), dot = element("i", `s-${status}`);
    dot.setAttribute("aria-hidden", "true");
    word.append(dot, status);
    made.append(place, element("td", data.number[i].length > 20 ? "mono odd" : "mono", data.number[i]),
      element("td", channel.length > 12 ? "odd" : "", channel), move(i), word, why(i));
    return made;
  };

  const count = () => (hits ? hits.length : total);

  const draw = (from, most) => {
    const shown = [];
    for (let at = from; at < Math.min(from + most, count()); at++) shown.push(line(hits ? hits[at] : at));
    if (!shown.length) {
      const made = element("tr"), none = element("td", "none", total ? "No line like this." : "The sheet has no rows.");
      none.colSpan = 6;
      made.append(none);
      shown.push(made);
    }
    rows.replaceChildren(...shown);
  };

  const show = () => {
    draw(first, PAGE);
    const n = count(), number = (x) => x.toLocaleString("en"), lines = total === 1 ? "line" : "lines";
    found.textContent = hits ? `${number(n)} of ${number(total)} ${lines}` : `${number(total)} ${lines}`;
    all.hidden = !hits;
    pages.hidden = n <= PAGE;
    page.textContent = `${number(Math.min(first + 1, n))}–${number(Math.min(first + PAGE, n))} of ${number(n)}`;
    back.disabled = first === 0;
    on.disabled = first + PAGE >= n;
  };

  // made at the first search only: most readers never search
  const words = () => haystack ??= data.row.map((row, i) => [
    `row ${row} `, data.number[i], data.channels[data.channel[i]], data.statuses[data.status[i]],
    data.reasons[data.reason[i]], ...[data.agent[i], data.before[i], data.after[i]].map((a) => data.agents[a].join(" ")),
    data.notes[data.note[i]],
  ].join("\n").toLowerCase());

  const filter = () => {
    const wanted = text.value.trim().toLowerCase();
    const needle = /^row \d+$/.test(wanted) ? `${wanted} ` : wanted;
    for (const chip of chips) chip.setAttribute("aria-pressed", String(chosen.has(chip.dataset.status)));
    hits = needle || chosen.size ? [] : null;
    if (hits) {
      const all = needle ? words() : null, wants = data.statuses.map((status) => !chosen.size || chosen.has(status));
      for (let i = 0; i < total; i++)
        if (wants[data.status[i]] && (!needle || all[i].includes(needle))) hits.push(i);
    }
    first = 0;
    show();
  };

  const choose = (code, ...statuses) => {
    chosen.clear();
    for (const status of statuses) chosen.add(status);
    text.value = code;
    filter();
  };

  const toLines = () => byId("lines").scrollIntoView();

  const turn = (by) => {
    first = Math.max(0, first + by);
    show();
    toLines();
  };

  for (const chip of chips) chip.addEventListener("click", () => {
    const { status } = chip.dataset;
    if (!chosen.delete(status)) chosen.add(status);
    filter();
  });
  for (const button of document.querySelectorAll(".show")) button.addEventListener("click", () => {
    choose(`${button.dataset.code}:`, button.dataset.status);
    toLines();
  });
  let waiting = 0;
  text.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  document.querySelector(".find").addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  all.addEventListener("click", () => choose(""));
  back.addEventListener("click", () => turn(-PAGE));
  on.addEventListener("click", () => turn(PAGE));

  const folded = () => [...document.querySelectorAll("details:not([open])")];
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = folded();
    for (const one of opened) one.open = true;
    draw(0, PRINTED);
    byId("printed").textContent =
      count() > PRINTED ? `The first ${PRINTED} of ${count()} lines; results.csv has all of them.` : "";
  });
  window.addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
    show();
  });
  text.disabled = false;
  show();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
