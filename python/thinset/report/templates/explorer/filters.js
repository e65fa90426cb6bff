// What is shown: the ticked groups and classes. Listeners are called after each change.

const filters = {
  groups: new Set(groups.map(({id}) => id)),
  classes: null, // a set of labels, or null for all
  listeners: [],

  passes(point) {
    return filters.groups.has(groupOf(point)) && filters.passesClass(point);
  },
  passesClass(point) {
    return filters.classes === null || filters.classes.has(labelOf(point));
  },
  changed() {
    for (const listener of filters.listeners) listener();
  },
};

const MOST_CHIPS = 24; // more classes become a list to choose one from

function makeGroupFilter() {
  const tally = new Map();
  for (let point = 0; point < nPoints; point++) {
    tally.set(groupOf(point), (tally.get(groupOf(point)) || 0) + 1);
  }
  for (const {id, name, colour} of groups) {
    const chip = chipOf(name, `var(${colour})`, tally.get(id) || 0, (ticked) => {
      if (ticked) filters.groups.add(id);
      else filters.groups.delete(id);
      filters.changed();
    });
    within(".groups").append(chip);
  }
}

function makeClassFilter() {
  const place = within(".classes");
  if (!place) return;
  if (classes.length > MOST_CHIPS) {
    const list = element("select", {
      "aria-label": "Class",
      change: () => {
        filters.classes = list.value === "" ? null : new Set([Number(list.value)]);
        filters.changed();
      },
    }, element("option", {value: ""}, "all classes"));
    classes.forEach(({name}, label) => list.append(element("option", {value: label}, name)));
    place.append(list);
    return;
  }
  const chosen = new Set([-1, ...classes.keys()]);
  const boxes = [];
  classes.forEach(({name, colour, total}, label) => {
    const chip = chipOf(name, colour, total, (ticked) => {
      if (ticked) chosen.add(label);
      else chosen.delete(label);
      filters.classes = chosen;
      filters.changed();
    });
    boxes.push(chip.querySelector("input"));
    place.append(chip);
  });
  const setAll = (ticked) => {
    chosen.clear();
    if (ticked) for (const label of [-1, ...classes.keys()]) chosen.add(label);
    for (const box of boxes) box.checked = ticked;
    filters.classes = ticked ? null : chosen;
    filters.changed();
  };
  place.querySelector("legend").append(
    element("button", {type: "button", class: "quiet", click: () => setAll(true)}, "all"),
    element("button", {type: "button", class: "quiet", click: () => setAll(false)}, "none"),
  );
}

function chipOf(name, colour, total, change) {
  const box = element("input", {type: "checkbox", change: () => change(box.checked)});
  box.checked = true;
  return element(
    "label", {class: "chip", style: `--swatch: ${colour}`, "data-name": name}, box,
    element("span", {class: "swatch"}), element("span", {}, name), element("small", {}, count(total)),
  );
}
