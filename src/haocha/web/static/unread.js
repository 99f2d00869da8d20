// How many notices are unread, kept current in the navigation of every page while somebody looks at it.
"use strict";

const marks = [...document.querySelectorAll("[data-unread]")];
const EVERY = 30_000; // milliseconds

async function count() {
  if (document.hidden || !marks.length) return;
  const answer = await fetch("/desk/inbox/count").catch(() => null);
  if (!answer?.ok) return;
  const { unread, many } = await answer.json();
  for (const mark of marks) {
    mark.hidden = !unread;
    mark.lastChild.textContent = many ? ` ${unread - 1}+` : ` ${unread}`;
  }
}

setInterval(count, EVERY);
document.addEventListener("visibilitychange", count);
