// Keeps the board current: takes the parts that changed from the server's event stream and puts them in place,
// without moving the focus, closing a table, or telling a screen reader every number.
"use strict";

const main = document.querySelector("[data-board]");
const QUIET = 60_000; // at most one spoken summary a minute

// ---- Parts -------------------------------------------------------------------------------------------------------

// The address of the example is the one this page came from.
function orient(part) {
  for (const origin of part.querySelectorAll("[data-origin]")) origin.textContent = location.origin;
}

function place(part, html) {
  const active = document.activeElement;
  const inside = part.contains(active) ? [...part.querySelectorAll("a, summary, button, [tabindex]")].indexOf(active) : -1;
  const open = [...part.querySelectorAll("details[open][id]")].map((d) => d.id);
  const day = [...part.querySelectorAll(".day")].findIndex((d) => d.classList.contains("on"));
  const scrolled = part.querySelector(".scroll")?.scrollTop ?? 0;
  part.innerHTML = html;
  orient(part);
  for (const id of open) part.querySelector(`details#${CSS.escape(id)}`)?.setAttribute("open", "");
  const scroll = part.querySelector(".scroll");
  if (scroll) scroll.scrollTop = scrolled;
  if (day >= 0) show(part.querySelector("[data-chart]"), day);
  if (inside >= 0) [...part.querySelectorAll("a, summary, button, [tabindex]")][inside]?.focus({ preventScroll: true });
}

// A number that is another one now is tinted for a moment; the rest stays still.
const numbers = (part) => [...part.querySelectorAll("strong")];
function settle(part, before) {
  numbers(part).forEach((number, i) => { if (before[i] && before[i] !== number.textContent) number.classList.add("changed"); });
}

let spoken = Date.now();
function announce(text) {
  if (!text || Date.now() - spoken < QUIET) return;
  spoken = Date.now();
  document.querySelector("[data-announce]").textContent = text;
}

// ---- The event stream --------------------------------------------------------------------------------------------

function listen() {
  const offline = document.querySelector("[data-offline]");
  const stream = new EventSource(main.dataset.events);
  stream.addEventListener("parts", (event) => {
    const update = JSON.parse(event.data);
    offline.hidden = true;
    for (const [name, html] of Object.entries(update.parts)) {
      const part = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
      if (!part || part.innerHTML === html) continue;
      const before = numbers(part).map((number) => number.textContent);
      place(part, html);
      settle(part, before);
    }
    tick();
    announce(update.summary);
  });
  // The session ended, the day turned or the program changed: this address must be asked for anew.
  stream.addEventListener("reload", () => { stream.close(); location.reload(); });
  stream.addEventListener("open", () => { offline.hidden = true; });
  stream.addEventListener("error", () => {
    offline.hidden = false;
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
  addEventListener("pagehide", () => stream.close(), { once: true });
}

// ---- Times: "x 秒前" and the clock --------------------------------------------------------------------------------

function ago(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} 秒前`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} 分钟前`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} 小时前`;
  return `${Math.floor(seconds / 86400)} 天前`;
}

const clock = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function tick() {
  for (const time of document.querySelectorAll("[data-age]")) {
    const text = ago((Date.now() - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
  const hours = document.querySelector("[data-clock] .hours");
  const now = ` ${clock.format(new Date())}`;
  if (hours && hours.textContent !== now) hours.textContent = now;
}

// ---- The chart: pointer, touch and arrow keys -----------------------------------------------------------------------

function show(chart, index) {
  if (!chart) return;
  const days = [...chart.querySelectorAll(".day")];
  days.forEach((day, i) => day.classList.toggle("on", i === index));
  const readout = chart.closest("figure").querySelector("[data-readout]");
  if (days[index] && readout) {
    readout.textContent = days[index].dataset.say;
    readout.setAttribute("aria-live", document.activeElement === chart ? "polite" : "off");
  }
}

document.addEventListener("pointerover", (event) => {
  const day = event.target.closest?.(".day");
  if (day) show(day.closest("[data-chart]"), [...day.parentNode.querySelectorAll(".day")].indexOf(day));
});
document.addEventListener("keydown", (event) => {
  const chart = event.target.closest?.("[data-chart]");
  if (!chart) return;
  const days = [...chart.querySelectorAll(".day")];
  const at = days.findIndex((day) => day.classList.contains("on"));
  const last = days.length - 1;
  const next = { ArrowLeft: at < 0 ? last : Math.max(0, at - 1), ArrowRight: at < 0 ? last : Math.min(last, at + 1), Home: 0, End: last }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  show(chart, next);
});

// ---- The filter's address holds only what was chosen ------------------------------------------------------------------

document.querySelector("[data-filters]")?.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData.entries()]) if (value === "") event.formData.delete(name);
});

orient(document);
tick();
setInterval(tick, 1000);
if (main) listen();
