// The chosen sample: its picture, what happened to it, and why.

const PICTURE_SIDE = 112;
const RELATED_SIDE = 44;
const MOST_RELATED = 24;

const chosen = {
  point: -1,
  listeners: [],
  set(point) {
    chosen.point = point;
    for (const listener of chosen.listeners) listener(point);
  },
};

function showDetails(point) {
  const place = within(".details");
  place.dataset.row = point < 0 ? "" : points.rows[point];
  if (point < 0) {
    const how = points.x ? "Point at the map to see a sample. Click it, or press an arrow key, to see why it was kept or dropped."
      : "Choose a sample to see why it was kept or dropped.";
    place.replaceChildren(element("p", {class: "note"}, how));
    return;
  }
  place.replaceChildren(
    points.texts || sheets.length ? element("div", {class: "large"}, pictures.show(point, PICTURE_SIDE)) : "",
    element("h3", {}, nameOf(point)),
    classOf(point) ? element("p", {}, `Class: ${classOf(point)}`) : "",
    ...fate(point).map((line) => element("p", {class: "fate"}, line)),
    ...reasonsOf(point),
    ...stackDetails(point),
  );
}

function reasonsOf(point) {
  if (!points.nearest) {
    const why = carried.nSelected ? "Pass --embeddings to see which kept sample is nearest." : "No sample is kept.";
    return [element("p", {class: "note"}, why)];
  }
  const suffix = carried.other ? ` by ${carried.name}` : "";
  if (!isKept(point)) {
    const nearest = nearestOf(point);
    const distance = `${figure(distanceOf(point))} (${carried.metric})`;
    return [
      element("h4", {}, "Why it was dropped"),
      element("p", {class: "why"}, `The nearest sample kept${suffix} is at a distance of ${distance}:`),
      nearest < 0
        ? element("p", {class: "note"}, "That sample is not in this page.")
        : related([nearest], () => classOf(nearest)),
    ];
  }
  const total = points.represented[point];
  if (total === 0) {
    return [
      element("h4", {}, "What it stands for"),
      element("p", {class: "why"}, `Only itself: every dropped sample is nearer to another one kept${suffix}.`),
    ];
  }
  const found = representedBy(point);
  const some = found.slice(0, MOST_RELATED);
  const which = some.length < total ? `, of which ${some.length} are here` : "";
  return [
    element("h4", {}, "What it stands for"),
    element("p", {class: "why"}, `${count(total)} dropped ${total === 1 ? "sample is" : "samples are"} nearest to it${which}:`),
    related(some, (other) => figure(distanceOf(other))),
  ];
}

function stackDetails(point) {
  const stack = stackOf.get(point);
  if (!stack) return [];
  const others = stack.members.filter((other) => other !== point).slice(0, MOST_RELATED);
  return [
    element("h4", {}, "Near-duplicates"),
    element("p", {class: "why"}, `One of ${count(stack.size)} in a stack:`),
    related(others, (other) => (isKept(other) ? "kept" : "dropped")),
  ];
}

function related(others, captionOf) {
  const row = element("div", {class: "related", role: "group"});
  for (const other of others) {
    row.append(pictures.button(other, RELATED_SIDE, captionOf(other), (to) => chosen.set(to)));
  }
  return row;
}
