"use strict";
(() => {
  const PAGE = 100;      // lines shown at once: a screen or two, and drawn in a few milliseconds
  const PRINTED = 2000;  // lines on paper
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const total = data.row.length, planned = "step" in data;  // a plan has steps, and lines without one; a run has lines
  const rows = byId("rows"), text = byId("text"), found = byId("found"), page = byId("page");
  const back = byId("back"), on = byId("on"), all = byId("all");
  const pages = document.querySelector(".pages"), chips = [...document.querySelectorAll(".chip")];
  const byRow = byId("by-row"), columns = document.querySelectorAll(".lines thead th").length;
  const chosen = new Set();
  const asTheyCome = data.row.map((_, i) => i);
  let order = asTheyCome, hits = order, first = 0, haystack = null;

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

  const noted = (i) => data.notes[data.note[i]] && `note: ${data.notes[data.note[i]]}`;

  const why = (i) => {
    const reason = data.reasons[data.reason[i]], colon = reason.indexOf(":");
    const cell = element("td", "why", reason.slice(colon + 1).trim());
    cell.title = reason.slice(0, colon);
    const small = [data.hows[data.how[i]], data.at[i] < 0 ? "" : moment(data.at[i]), noted(i)];
    if (small.some(Boolean)) cell.append(element("small", "", small.filter(Boolean).join(" · ")));
    return cell;
  };

  const status = (i) => {
    const word = data.statuses[data.status[i]], made = element("td", "status"), dot = element("i", `s-${word}`);
    dot.setAttribute("aria-hidden", "true");
    made.append(dot, word);
    return made;
  };

  const trunk = (i) => {
    const channel = data.channels[data.channel[i]];
    return [element("td", data.number[i].length > 20 ? "mono odd" : "mono", data.number[i]),
      element("td", channel.length > 12 ? "odd" : "", channel)];
  };

  const heading = (content) => {
    const made = element("th", "num", content);
    made.scope = "row";
    return made;
  };

  const figure = (value) => value.toLocaleString("en");
  const ended = (i) => [heading(figure(data.row[i])), ...trunk(i), move(i), status(i), why(i)];

  const step = (i) => {
    const reason = element("td", "why", data.reasons[data.reason[i]]);
    if (noted(i)) reason.append(element("small", "", noted(i)));
    const place = data.step[i] ? [heading(figure(data.step[i])), element("td", "num", figure(data.wave[i]))]
      : [heading(""), element("td")];
    return [...place, element("td", "num", figure(data.row[i])), ...trunk(i), move(i), status(i),
      element("td", "waits", data.waits[data.wait[i]]), reason];
  };

  const line = (i) => {
    const made = element("tr");
    made.append(...(planned ? step(i) : ended(i)));
    return made;
  };

  const draw = (from, most) => {
    const shown = [];
    for (const i of hits.slice(from, from + most)) shown.push(line(i));
    if (!shown.length) {
      const made = element("tr"), none = element("td", "none", total ? "No line like this." : "The sheet has no rows.");
      none.colSpan = columns;
      made.append(none);
      shown.push(made);
    }
    rows.replaceChildren(...shown);
  };

  const counted = (n, what) => `${figure(n)} ${what}${n === 1 ? "" : "s"}`;
  const steps = planned ? data.step.filter(Boolean).length : 0;
  const everything = !steps ? counted(total, "line") : total === steps ? counted(steps, "step")
    : `${counted(steps, "step")} and ${counted(total - steps, "line")} without one`;

  const show = () => {
    draw(first, PAGE);
    const n = hits.length, number = figure;
    found.textContent = hits === order ? everything : `${number(n)} of ${everything}`;
    all.hidden = hits === order;
    pages.hidden = n <= PAGE;
    page.textContent = `${number(Math.min(first + 1, n))}–${number(Math.min(first + PAGE, n))} of ${number(n)}`;
    back.disabled = first === 0;
    on.disabled = first + PAGE >= n;
  };

  // made at the first search only: most readers never search
  const words = () => haystack ??= data.row.map((row, i) => [
    `row ${row} `, data.number[i], data.channels[data.channel[i]], data.statuses[data.status[i]],
    data.reasons[data.reason[i]], ...[data.agent[i], data.before[i], data.after[i]].map((a) => data.agents[a].join(" ")),
    data.notes[data.note[i]], ...(planned && data.step[i] ? [`step ${data.step[i]} `, `wave ${data.wave[i]} `] : []),
  ].join("\n").toLowerCase());

  const filter = () => {
    const wanted = text.value.trim().toLowerCase();
    const needle = /^(row|step|wave) \d+$/.test(wanted) ? `${wanted} ` : wanted;
    for (const chip of chips) chip.setAttribute("aria-pressed", String(chosen.has(chip.dataset.status)));
    hits = order;
    if (needle || chosen.size) {
      const all = needle ? words() : null, wants = data.statuses.map((status) => !chosen.size || chosen.has(status));
      hits = order.filter((i) => wants[data.status[i]] && (!needle || all[i].includes(needle)));
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
    choose(button.dataset.code && `${button.dataset.code}:`, button.dataset.status);
    toLines();
  });
  let waiting = 0;
  text.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  document.querySelector(".find").addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  all.addEventListener("click", () => choose(""));
  back.addEventListener("click", () => turn(-PAGE));
  on.addEventListener("click", () => turn(PAGE));

  byRow?.addEventListener("click", () => {
    const sheets = order === asTheyCome;
    order = sheets ? [...asTheyCome].sort((a, b) => data.row[a] - data.row[b] || a - b) : asTheyCome;
    byRow.setAttribute("aria-pressed", String(sheets));
    filter();
  });

  const folded = () => [...document.querySelectorAll("details:not([open])")];
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = folded();
    for (const one of opened) one.open = true;
    draw(0, PRINTED);
    byId("printed").textContent =
      hits.length > PRINTED ? `The first ${PRINTED} of ${hits.length} lines; results.csv has all of them.` : "";
  });
  window.addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
    show();
  });
  text.disabled = false;
  show();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
