// The parts of the page that change by themselves, kept current while somebody looks. Lists stay as they are: what is
// new comes when the reader asks for it.
"use strict";

const sync = document.querySelector("[data-sync]");
const PAUSE = 5_000; // milliseconds
const shown = {};

function chosen(place) {
  const selection = getSelection();
  return !selection.isCollapsed && place.contains(selection.anchorNode);
}

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(sync.dataset.sync).catch(() => null);
  if (!answer?.ok) return;
  for (const [name, html] of Object.entries(await answer.json())) {
    const place = sync.querySelector(`[data-part="${CSS.escape(name)}"]`);
    // Whoever is on a link of it with the keyboard, or has chosen text in it, is not disturbed.
    if (!place || html === shown[name] || place.contains(document.activeElement) || chosen(place)) continue;
    place.innerHTML = shown[name] = html;
  }
}

if (sync) {
  setInterval(refresh, PAUSE);
  document.addEventListener("visibilitychange", refresh);
}
