// The queues: keys to move and choose, what is chosen, and the counts kept current by the server's event stream.
// Rows never move by themselves: what is new is announced, and comes when the reader asks for it.
"use strict";

const desk = document.querySelector("[data-desk]");
const rows = [...document.querySelectorAll("tr[data-ticket]")];
const search = document.querySelector("[data-search]");
const keys = document.querySelector("[data-keys]");

// On a small screen the rail of queues is wider than the page: the chosen one comes into sight.
document.querySelector(".queues [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// ---- What is chosen ----------------------------------------------------------------------------------------------

const bar = document.querySelector("[data-bar]");
const boxes = [...document.querySelectorAll("input[name=ticket]")];
const all = document.querySelector("[data-all]");

function count() {
  const chosen = boxes.filter((box) => box.checked).length;
  bar.classList.toggle("live", chosen > 0);
  bar.querySelector("[data-chosen]").textContent = chosen ? `已选 ${chosen} 件：` : "勾选工单后：";
  for (const button of bar.querySelectorAll("button")) button.disabled = !chosen;
  all.checked = chosen === boxes.length;
  all.indeterminate = chosen > 0 && chosen < boxes.length;
}

if (bar) {
  for (const hidden of bar.querySelectorAll("[data-all], [data-all-label]")) hidden.hidden = false;
  all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; count(); });
  let last = null;
  for (const box of boxes) {
    box.addEventListener("click", (event) => {
      // With the shift key, all from the box clicked before to this one.
      if (event.shiftKey && last) {
        const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
      }
      last = box;
      count();
    });
  }
  addEventListener("pageshow", count);
  count();
}

// ---- Keys ----------------------------------------------------------------------------------------------------------

let current = -1;

function go(index) {
  if (!rows.length) return;
  current = Math.min(Math.max(index, 0), rows.length - 1);
  rows.forEach((row, i) => row.classList.toggle("on", i === current));
  const link = rows[current].querySelector("[data-open]");
  link.focus({ preventScroll: true });
  rows[current].scrollIntoView({ block: "nearest" });
}

for (const [index, row] of rows.entries()) {
  row.addEventListener("focusin", () => {
    current = index;
    rows.forEach((one, i) => one.classList.toggle("on", i === index));
  });
}

function typing(target) {
  return target.matches?.("input:not([type=checkbox]), select, textarea") || target.isContentEditable;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || keys?.open || document.querySelector("details[data-menu][open]")) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const acts = {
    j: () => go(current + 1),
    ArrowDown: () => go(current + 1),
    k: () => go(current - 1),
    ArrowUp: () => go(current - 1),
    x: () => rows[current]?.querySelector("input[name=ticket]")?.click(),
    n: () => document.querySelector("a[rel=next]")?.click(),
    r: () => document.querySelector("[data-refresh]").click(),
    "/": () => { search.focus(); search.select(); },
    "?": () => keys.showModal(),
  };
  const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

const help = document.querySelector("[data-help]");
help.hidden = false;
help.addEventListener("click", () => keys.showModal());

// ---- The event stream ------------------------------------------------------------------------------------------------

const toast = document.querySelector("[data-toast]");
const number = new Intl.NumberFormat("zh-CN");
const shown = new Set(rows.map((row) => row.dataset.ticket));
let spoken = "";

function tell(text) {
  toast.hidden = !text;
  if (!text || text === spoken) return;
  spoken = text;
  toast.querySelector("[data-toast-text]").textContent = `${text} · `;
  document.querySelector("[data-announce]").textContent = text;
}

function take(update) {
  for (const [queue, value] of Object.entries(update.counts)) {
    const place = document.querySelector(`[data-count="${CSS.escape(queue)}"]`);
    const text = number.format(value);
    if (place && place.textContent !== text) {
      place.textContent = text;
      place.classList.toggle("none", !value);
      place.classList.add("changed");
    }
  }
  if (!("first" in desk.dataset)) return;
  const fresh = update.head.filter((id) => !shown.has(id)).length;
  tell(fresh ? `有 ${fresh} 件新工单` : update.head.length < shown.size ? "有的工单已被处理" : "");
}

function listen() {
  const stream = new EventSource(desk.dataset.events);
  stream.addEventListener("desk", (event) => take(JSON.parse(event.data)));
  stream.addEventListener("reload", () => { stream.close(); tell("登录已过期"); });
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 10_000);
  });
  addEventListener("pagehide", () => stream.close(), { once: true });
}

listen();
