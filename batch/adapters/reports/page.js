"use strict";
(() => {
  const PAGE = 100;      // lines shown at once: a screen or two, and drawn in a few milliseconds
  const PRINTED = 2000;  // lines on paper
  const data = JSON.parse(document.getElementById("data").textContent);
  const total = data.row.length;
  const rows = document.getElementById("rows"), text = document.getElementById("text");
  const found = document.getElementById("found"), page = document.getElementById("page");
  const back = document.getElementById("back"), on = document.getElementById("on");
  const pages = document.querySelector(".pages"), chips = [...document.querySelectorAll(".chip")];
  const chosen = new Set();
  let hits = null, first = 0, haystack = null;  // hits null: every line

  const element = (name, className, content) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (content !== undefined) made.textContent = content;
    return made;
  };

  const agentName = ([uuid, name]) => name || uuid || "nobody";

  const agent = (index, name) => {
    const known = data.agents[index], made = element(name, "", agentName(known));
    if (known[0]) made.title = known[0];
    return made;
  };

  const move = (i) => {
    const cell = element("td", "move"), before = data.before[i], after = data.after[i], wanted = data.agent[i];
    const uuid = (index) => data.agents[index][0];
    if (!uuid(before) && !uuid(after)) {
      if (agentName(data.agents[wanted]) !== "nobody") {
        const small = element("small", "", "wanted: ");
        small.append(agent(wanted, "abbr"));
        cell.append(small);
      }
      return cell;
    }
    cell.append(agent(before, "abbr"));
    if (uuid(before) !== uuid(after)) {
      cell.append(element("span", "arrow", "→"));
      if (uuid(after) || data.statuses[data.status[i]] !== "unknown") {
        const now = element("b");
        now.append(agent(after, "abbr"));
        cell.append(now);
      } else cell.append(element("b", "", "not known"));
    }
    if (uuid(after) !== uuid(wanted)) {
      const small = element("small", "", "wanted: ");
      small.append(agent(wanted, "abbr"));
      cell.append(small);
    }
    return cell;
  };

  const why = (i) => {
    const reason = data.reasons[data.reason[i]], colon = reason.indexOf(":");
    const cell = element("td", "why", reason.slice(colon + 1).trim());
    cell.title = reason.slice(0, colon);
    const small = [data.how[i], data.note[i] && `note: ${data.note[i]}`].filter(Boolean).join(" · ");
    if (small) cell.append(element("small", "", small));
    return cell;
  };

  const line = (i) => {
    const made = element("tr"), status = data.statuses[data.status[i]];
    const place = element("th", "num", data.row[i].toLocaleString("en"));
    place.scope = "row";
    const word = element("td", "status"), dot = element("i", `s-${status}`);
    dot.setAttribute("aria-hidden", "true");
    word.append(dot, status);
    made.append(place, element("td", data.number[i].length > 20 ? "mono odd" : "mono", data.number[i]),
      element("td", data.channel[i].length > 12 ? "odd" : "", data.channel[i]), move(i), word, why(i));
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
    const n = count(), number = (x) => x.toLocaleString("en");
    found.textContent = hits ? `${number(n)} of ${number(total)} lines` : `${number(total)} lines`;
    pages.hidden = n <= PAGE;
    page.textContent = `${number(Math.min(first + 1, n))}–${number(Math.min(first + PAGE, n))} of ${number(n)}`;
    back.disabled = first === 0;
    on.disabled = first + PAGE >= n;
  };

  // made at the first search only: most readers never search
  const words = () => haystack ??= data.row.map((row, i) => [
    `row ${row} `, data.number[i], data.channel[i], data.statuses[data.status[i]], data.reasons[data.reason[i]],
    ...[data.agent[i], data.before[i], data.after[i]].map((a) => data.agents[a].join(" ")), data.note[i] ?? "",
  ].join("\n").toLowerCase());

  const filter = () => {
    const wanted = text.value.trim().toLowerCase();
    const needle = /^row \d+$/.test(wanted) ? `${wanted} ` : wanted;
    hits = needle || chosen.size ? [] : null;
    if (hits) {
      const all = needle ? words() : null;
      for (let i = 0; i < total; i++)
        if ((!chosen.size || chosen.has(data.status[i])) && (!needle || all[i].includes(needle))) hits.push(i);
    }
    first = 0;
    show();
  };

  const turn = (by) => {
    first = Math.max(0, first + by);
    show();
    document.getElementById("lines").scrollIntoView();
  };

  for (const chip of chips) chip.addEventListener("click", () => {
    const status = data.statuses.indexOf(chip.dataset.status), pressed = !chosen.has(status);
    if (pressed) chosen.add(status); else chosen.delete(status);
    chip.setAttribute("aria-pressed", String(pressed));
    filter();
  });
  let waiting = 0;
  text.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  document.querySelector(".find").addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  back.addEventListener("click", () => turn(-PAGE));
  on.addEventListener("click", () => turn(PAGE));
  window.addEventListener("beforeprint", () => {
    draw(0, PRINTED);
    document.getElementById("printed").textContent =
      count() > PRINTED ? `The first ${PRINTED} of ${count()} lines; results.csv has all of them.` : "";
  });
  window.addEventListener("afterprint", show);
  text.disabled = false;
  show();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
