#include "output/contact_sheet_page.hpp"

namespace resnet {

const char kSheetStyle[] = R"css(
:root {
  color-scheme: light dark;
  --page: #f5f5f3; --card: #ffffff; --line: #e3e3df; --well: #ecece8;
  --text: #1d1d1b; --soft: #6b6b66; --chip: #eeeeea; --fill: #cfe3d4; --accent: #1f6b3a; --on-accent: #ffffff;
  --bad: #a3261b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #161615; --card: #20201f; --line: #323230; --well: #191918;
    --text: #ececea; --soft: #9b9b95; --chip: #2c2c2a; --fill: #274a33; --accent: #7fcf98; --on-accent: #10241a;
    --bad: #ff8f84;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
header { position: sticky; top: 0; z-index: 2; padding: 12px clamp(12px, 3vw, 32px) 0;
  background: var(--page); border-bottom: 1px solid var(--line); }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; }
h1 { font-size: 19px; line-height: 1.2; margin: 0; }
.note { margin: 2px 0 0; color: var(--soft); font-size: 13px; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.title { flex: 1 1 220px; min-width: 0; }
#search { flex: 1 1 240px; max-width: 420px; min-width: 0; font: inherit; font-size: 16px; padding: 8px 14px;
  color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 999px; }
#search:focus-visible, button:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
#count { color: var(--soft); font-size: 14px; font-variant-numeric: tabular-nums; white-space: nowrap; }
#cloud { display: flex; gap: 6px; overflow-x: auto; padding: 10px 0 12px; scrollbar-width: thin; }
#cloud:empty { padding: 6px 0; }
#cloud button { flex: none; }
button { font: inherit; font-size: 13px; line-height: 1.35; color: inherit; background: var(--chip); cursor: pointer;
  border: 1px solid transparent; border-radius: 999px; padding: 3px 10px; text-align: left; }
button:hover { border-color: var(--accent); }
button[aria-pressed="true"] { background: var(--accent); color: var(--on-accent); }
button i { font-style: normal; opacity: .7; margin-left: 6px; font-variant-numeric: tabular-nums; }
main { display: grid; gap: 14px; padding: 16px clamp(12px, 3vw, 32px) 32px;
  grid-template-columns: repeat(auto-fill, minmax(min(230px, 44vw), 1fr)); align-items: stretch; }
figure { margin: 0; display: flex; flex-direction: column; overflow: hidden; background: var(--card);
  border: 1px solid var(--line); border-radius: 12px; content-visibility: auto; contain-intrinsic-size: auto 360px; }
figure[hidden] { display: none; }
.well { display: block; position: relative; aspect-ratio: 1; background: var(--well); }
.well img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
figcaption { display: flex; flex-direction: column; gap: 8px; padding: 10px 12px 12px; min-width: 0; }
.name { font-size: 13px; font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.place { display: block; color: var(--soft); font-size: 12px; font-weight: 400; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.tags { display: flex; flex-wrap: wrap; gap: 5px; }
.tags button { max-width: 100%; overflow-wrap: anywhere; border-radius: 8px; padding: 2px 8px;
  background: linear-gradient(to right, var(--fill) calc(var(--s) * 100%), var(--chip) 0) border-box; }
.tags button[aria-pressed="true"] { background: var(--accent); }
.none { color: var(--soft); font-size: 13px; }
#empty { grid-column: 1 / -1; text-align: center; color: var(--soft); padding: 15vh 0; }
footer { padding: 0 clamp(12px, 3vw, 32px) 40px; color: var(--soft); font-size: 14px; }
#failed { margin: 0 clamp(12px, 3vw, 32px) 32px; padding: 12px 16px; background: var(--card);
  border: 1px solid var(--line); border-left: 4px solid var(--bad); border-radius: 8px; }
#failed summary { cursor: pointer; font-weight: 600; color: var(--bad); }
#failed dt { margin-top: 12px; font-weight: 600; font-size: 14px; overflow-wrap: anywhere; }
#failed dd { margin: 0; color: var(--soft); font-size: 14px; overflow-wrap: anywhere; }
@media (max-width: 520px) {
  main { gap: 10px; }
  header { padding-top: 10px; }
  .title { flex-basis: 60%; }
  figcaption { padding: 8px 9px 10px; gap: 6px; }
  #search { flex-basis: 100%; max-width: none; order: 3; }
  .tags button { font-size: 12px; padding: 2px 7px; }
}
@media print { header { position: static; } #search, #cloud { display: none; } }
)css";

const char kSheetScript[] = R"js(
'use strict';
(() => {
  const cards = [...document.querySelectorAll('main figure')].map(element => {
    const buttons = [...element.querySelectorAll('.tags button')];
    const tags = buttons.map(b => b.dataset.tag);
    const name = element.querySelector('.name').textContent;
    return { element, buttons, tags: new Set(tags), text: (name + ' ' + tags.join(' ')).toLowerCase() };
  });
  const search = document.getElementById('search');
  const count = document.getElementById('count');
  const cloud = document.getElementById('cloud');
  const empty = document.getElementById('empty');
  const chosen = new Set();
  const number = n => n.toLocaleString('en');

  const totals = new Map();
  for (const card of cards) for (const tag of card.tags) totals.set(tag, (totals.get(tag) || 0) + 1);
  const order = [...totals].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const limit = 40;

  function drawCloud() {
    const shown = order.slice(0, limit);
    for (const tag of chosen) if (!shown.some(s => s[0] === tag)) shown.unshift([tag, totals.get(tag)]);
    shown.sort((a, b) => chosen.has(b[0]) - chosen.has(a[0]));
    cloud.replaceChildren(...shown.map(([tag, n]) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.dataset.tag = tag;
      button.textContent = tag;
      button.setAttribute('aria-pressed', chosen.has(tag));
      const total = document.createElement('i');
      total.textContent = number(n);
      button.append(total);
      return button;
    }));
  }

  function apply() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let visible = 0;
    for (const card of cards) {
      const show = [...chosen].every(tag => card.tags.has(tag)) && words.every(word => card.text.includes(word));
      card.element.hidden = !show;
      visible += show;
      for (const button of card.buttons) button.setAttribute('aria-pressed', chosen.has(button.dataset.tag));
    }
    const all = number(cards.length) + (cards.length === 1 ? ' photo' : ' photos');
    count.textContent = visible === cards.length ? all : number(visible) + ' of ' + all;
    empty.hidden = visible > 0;
    empty.textContent = cards.length ? 'No photo matches.' : 'No photos.';
  }

  document.addEventListener('click', event => {
    const button = event.target.closest('button[data-tag]');
    if (!button) return;
    const tag = button.dataset.tag;
    if (!chosen.delete(tag)) chosen.add(tag);
    drawCloud();
    apply();
    cloud.scrollLeft = 0;
    if (chosen.has(tag) && button.closest('main')) scrollTo({ top: 0 });
  });
  let wait;
  search.addEventListener('input', () => { clearTimeout(wait); wait = setTimeout(apply, cards.length > 3000 ? 150 : 0); });
  search.addEventListener('keydown', event => { if (event.key === 'Escape') { search.value = ''; apply(); } });
  drawCloud();
  apply();
})();
)js";

}  // namespace resnet
