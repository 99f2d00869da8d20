"""What a page must not have, asked in the browser: things without names, pale text, a page that scrolls sideways."""

# What axe would ask first: names for pictures and fields, one h1, headings without gaps, a language, unique ids.
FAULTS = """() => {
  const faults = [];
  const named = (e) => e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.querySelector('title');
  if (document.documentElement.lang !== 'zh-CN') faults.push('lang');
  if (document.querySelectorAll('h1').length !== 1) faults.push('h1');
  if (!document.querySelector('main')) faults.push('main');
  if (!document.title) faults.push('title');
  for (const svg of document.querySelectorAll('svg'))
    if (!svg.closest('[aria-hidden=true]') && !svg.parentElement.closest('svg')
        && !(svg.getAttribute('role') === 'img' && named(svg)))
      faults.push('svg without a name: ' + svg.outerHTML.slice(0, 80));
  for (const img of document.querySelectorAll('img:not([alt])')) faults.push('img without alt: ' + img.src);
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!field.labels?.length && !named(field)) faults.push('field without a label: ' + field.name);
  for (const act of document.querySelectorAll('a, button, summary'))
    if (!act.textContent.trim() && !named(act)) faults.push('no words: ' + act.outerHTML.slice(0, 80));
  for (const table of document.querySelectorAll('table'))
    if (!table.caption || !table.querySelector('th[scope]')) faults.push('table without caption or scope');
  const levels = [...document.querySelectorAll('h1, h2, h3')].map((h) => +h.tagName[1]);
  levels.forEach((l, i) => { if (i && l > levels[i - 1] + 1) faults.push('heading skips a level'); });
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  if (new Set(ids).size !== ids.length) faults.push('id twice');
  for (const e of document.querySelectorAll('[aria-labelledby], [aria-describedby]'))
    for (const id of (e.getAttribute('aria-labelledby') + ' ' + e.getAttribute('aria-describedby')).split(' '))
      if (id && id !== 'null' && !document.getElementById(id)) faults.push('reference to nothing: ' + id);
  return faults;
}"""
# WCAG contrast of every text on what is behind it, 4.5 : 1, or 3 : 1 where it is large.
PALE = """() => {
  const parse = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
  const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c[3] > 0.99) return c;
    }
    return [255, 255, 255, 1];
  };
  const pale = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length) continue;
    const style = getComputedStyle(e), drawn = e.namespaceURI.endsWith('svg');
    if (e.closest('.seal, title, option')) continue;
    const a = light(parse(drawn ? style.fill : style.color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 600) ? 3 : 4.5;
    if (ratio < needed) pale.push(`${ratio.toFixed(2)} ${e.textContent.trim().slice(0, 20)}`);
  }
  return pale;
}"""


async def complaints(page, width: int) -> list[str]:
    """Return everything that is wrong with the page as it is shown, on a screen of that width."""
    wide = await page.evaluate("document.documentElement.scrollWidth")
    found = [*await page.evaluate(FAULTS), *(f"pale: {one}" for one in await page.evaluate(PALE))]
    return [*found, *([f"{wide} pixels wide"] if wide > width else [])]
