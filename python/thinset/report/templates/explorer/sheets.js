// The contact sheet and the stacks of near-duplicates, a page of them at a time.

const SHEET_SIDE = 56;
const SHEET_ROWS = 8;
const STACK_SIDE = 64;
const STACKS_PER_PAGE = 36;

const sheet = {
  points: [],
  shown: 0,

  start() {
    within(".sheet-more").addEventListener("click", () => sheet.more());
    arrowKeys(within(".sheet"));
    sheet.fill();
  },
  // Kept samples that pass the filters: in selection order, then those of the other selection.
  fill() {
    sheet.points = [];
    for (let point = 0; point < carried.nChosen; point++) {
      if (filters.passes(point)) sheet.points.push(point);
    }
    sheet.shown = 0;
    within(".sheet-order").textContent = sheet.order();
    const empty = element("p", {class: "note"}, "No kept sample passes the filters.");
    within(".sheet").replaceChildren(...(sheet.points.length ? [] : [empty]));
    sheet.more();
  },
  // The numbers below the pictures start again where the other selection does.
  order() {
    const nFirst = sheet.points.filter(isKept).length;
    const nOther = sheet.points.length - nFirst;
    if (!nOther) return "";
    const first = nFirst ? `First the ${count(nFirst)} kept by ${carried.name}, then` : "Here are";
    return `${first} the ${count(nOther)} kept only by ${carried.other.name}. Numbers: place in the selection.`;
  },
  // Some rows, so that what follows stays near on a narrow screen.
  perPage() {
    const width = SHEET_SIDE + 14;
    return Math.max(24, SHEET_ROWS * Math.floor(within(".sheet").clientWidth / width));
  },
  more() {
    const place = within(".sheet"), perPage = sheet.perPage();
    for (const point of sheet.points.slice(sheet.shown, sheet.shown + perPage)) {
      const order = isKept(point) ? point : points.otherOrder[point];
      const button = pictures.button(point, SHEET_SIDE, count(order + 1), choose);
      button.tabIndex = place.querySelector("button") ? -1 : 0;
      place.append(button);
    }
    sheet.shown = Math.min(sheet.shown + perPage, sheet.points.length);
    const left = sheet.points.length - sheet.shown;
    within(".sheet-more").hidden = left === 0;
    within(".sheet-more").textContent = moreOf(perPage, left);
    markChosen(chosen.point);
  },
};

const pile = {
  shown: 0,
  stacks: [],

  start() {
    if (!within(".stacks")) return;
    within(".stacks-more").addEventListener("click", () => pile.more());
    pile.fill();
  },
  fill() {
    if (!within(".stacks")) return;
    pile.stacks = stacks.filter(({members}) => members.some((point) => filters.passes(point)));
    pile.shown = 0;
    const empty = element("p", {class: "note"}, "No stack has a sample that passes the filters.");
    within(".stacks").replaceChildren(...(pile.stacks.length ? [] : [empty]));
    pile.more();
  },
  more() {
    for (const stack of pile.stacks.slice(pile.shown, pile.shown + STACKS_PER_PAGE)) {
      within(".stacks").append(stackElement(stack));
    }
    pile.shown = Math.min(pile.shown + STACKS_PER_PAGE, pile.stacks.length);
    const left = pile.stacks.length - pile.shown;
    within(".stacks-more").hidden = left === 0;
    within(".stacks-more").textContent = moreOf(STACKS_PER_PAGE, left);
  },
};

function moreOf(perPage, left) {
  return left > perPage ? `Show ${count(perPage)} more of ${count(left)}` : `Show the other ${count(left)}`;
}

// The top picture of a stack with the number of its samples; opened, all of them.
function stackElement({size, members}) {
  const nKept = members.filter((point) => groupOf(point) !== NEITHER).length;
  const words = `${count(size)} samples, ${nKept ? `${count(nKept)} kept` : "none kept"}`;
  const top = element("summary", {"aria-label": `Stack of ${words}`},
    element("span", {class: `pile of-${Math.min(size, 4)}`}, pictures.show(members[0], STACK_SIDE)),
    element("small", {}, words));
  const all = element("div", {class: "related", role: "group"});
  const made = element("details", {class: "stack", "data-size": size, toggle: () => {
    if (!made.open || all.childElementCount) return;
    for (const point of members) {
      const caption = groupOf(point) === NEITHER ? "dropped" : "kept";
      all.append(pictures.button(point, RELATED_SIDE, caption, choose));
    }
    if (size > members.length) all.append(element("small", {}, `and ${count(size - members.length)} more`));
  }}, top, all);
  return made;
}

// Chooses a point from outside the map, and brings it into the view of the map.
function choose(point) {
  chosen.set(point);
}

function markChosen(point) {
  for (const button of root.querySelectorAll("button.sample[aria-current]")) button.removeAttribute("aria-current");
  if (point < 0) return;
  for (const button of root.querySelectorAll(`button.sample[data-point="${point}"]`)) {
    button.setAttribute("aria-current", "true");
  }
}
