// The map: every sample that passes the filters as a point, or as its picture where few are in view.

const MAP_MARGIN = 26; // CSS pixels around all points: half a picture and its frame
const PICK_RADIUS = {mouse: 10, touch: 22, pen: 16};
const FEWEST_STEP = 10; // an arrow key moves at least so many pixels
const MOST_PICTURES = 260; // as many pictures in view as can be told apart
const ORDER_COLOURS = 12;
const TURNS = 6;

const map = {
  canvas: null,
  zoom: 1, // 1 shows everything
  centre: [0.5, 0.5], // of the view, in shares of the extent of all points
  layers: [], // points of one colour, in the order of drawing
  colouring: "kept",
  hovered: -1,
  waiting: false,
  frames: 0,

  start(canvas) {
    map.canvas = canvas;
    new ResizeObserver(() => map.redraw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map.recolour());
    listenToPointer(canvas);
    canvas.addEventListener("keydown", mapKey);
    canvas.addEventListener("focus", () => map.redraw());
    canvas.addEventListener("blur", () => map.redraw());
    within(".zoom .in").addEventListener("click", () => map.zoomBy(1.6));
    within(".zoom .out").addEventListener("click", () => map.zoomBy(1 / 1.6));
    within(".zoom .all").addEventListener("click", () => map.showAll());
    map.recolour();
  },

  // Pixels per unit of the extent, the same in both directions.
  scale() {
    const {clientWidth, clientHeight} = map.canvas;
    const [width, height] = carried.extent;
    const fit = Math.min((clientWidth - 2 * MAP_MARGIN) / width, (clientHeight - 2 * MAP_MARGIN) / height);
    return Math.max(fit, 1) * map.zoom;
  },
  // How points become places: computed once for many points, as it reads the layout.
  view() {
    const {clientWidth: width, clientHeight: height} = map.canvas;
    const scale = map.scale();
    return {
      width, height, unit: scale / 65535,
      left: width / 2 - map.centre[0] * carried.extent[0] * scale,
      bottom: height / 2 + map.centre[1] * carried.extent[1] * scale,
    };
  },
  // Where a point is, in CSS pixels of the canvas. The second coordinate grows upwards.
  place(point, {left, bottom, unit} = map.view()) {
    return [left + points.x[point] * unit, bottom - points.y[point] * unit];
  },

  zoomBy(factor, x = map.canvas.clientWidth / 2, y = map.canvas.clientHeight / 2) {
    const zoom = Math.min(Math.max(map.zoom * factor, 1), 4000);
    // The place below the pointer stays where it is.
    const before = map.scale();
    map.zoom = zoom;
    const moved = 1 / before - 1 / map.scale();
    map.centre[0] += ((x - map.canvas.clientWidth / 2) * moved) / carried.extent[0];
    map.centre[1] -= ((y - map.canvas.clientHeight / 2) * moved) / carried.extent[1];
    map.keepInside();
  },
  panBy(dx, dy) {
    map.centre[0] -= dx / map.scale() / carried.extent[0];
    map.centre[1] += dy / map.scale() / carried.extent[1];
    map.keepInside();
  },
  showAll() {
    map.zoom = 1;
    map.centre = [0.5, 0.5];
    map.redraw();
  },
  keepInside() {
    map.centre = map.centre.map((share) => Math.min(Math.max(share, 0), 1));
    if (map.zoom === 1) map.centre = [0.5, 0.5];
    map.redraw();
  },
  // Moves the view so that a point is in it.
  reveal(point) {
    const [x, y] = map.place(point);
    const {clientWidth, clientHeight} = map.canvas;
    if (x > 20 && y > 20 && x < clientWidth - 20 && y < clientHeight - 20) return;
    const [width, height] = carried.extent;
    map.centre = [points.x[point] / 65535 / width, points.y[point] / 65535 / height];
    map.redraw();
  },

  // Sorts the points that pass the filters into layers: dropped ones below, kept ones on top.
  recolour() {
    const found = new Map();
    for (let point = nPoints - 1; point >= 0; point--) {
      if (!filters.passes(point)) continue;
      const group = groupOf(point);
      const colour = colourOf(point, group);
      const above = group === NEITHER ? 0 : 1;
      // In several turns, so that no colour covers all others.
      const turn = point % TURNS;
      const key = `${above} ${turn} ${colour}`;
      if (!found.has(key)) found.set(key, {above, turn, colour, points: []});
      found.get(key).points.push(point);
    }
    map.layers = [...found.values()].sort((a, b) => a.above - b.above || a.turn - b.turn);
    map.redraw();
  },

  redraw() {
    if (map.waiting) return;
    map.waiting = true;
    requestAnimationFrame(() => {
      map.waiting = false;
      drawMap();
      map.frames += 1;
      if (map.frames === 1) performance.mark("map-drawn");
    });
  },

  // The shown point nearest to a place, at most `radius` away; -1 if there is none.
  pick(x, y, radius) {
    let best = -1, least = radius * radius;
    const view = map.view();
    for (const layer of map.layers) {
      for (const point of layer.points) {
        const [px, py] = map.place(point, view);
        const distance = (px - x) ** 2 + (py - y) ** 2;
        if (distance <= least) [best, least] = [point, distance];
      }
    }
    return best;
  },

  // The next shown point in a direction (dx, dy), preferring those straight ahead; -1 without one.
  next(from, dx, dy) {
    const [x, y] = from < 0 ? [map.canvas.clientWidth / 2, map.canvas.clientHeight / 2] : map.place(from);
    if (from < 0) return map.pick(x, y, Infinity);
    let best = -1, least = Infinity;
    const view = map.view();
    for (const layer of map.layers) {
      for (const point of layer.points) {
        const [px, py] = map.place(point, view);
        const ahead = (px - x) * dx + (py - y) * dy;
        if (ahead < FEWEST_STEP) continue;
        const aside = (px - x) * dy - (py - y) * dx;
        const cost = ahead + (2 * aside * aside) / ahead;
        if (cost < least) [best, least] = [point, cost];
      }
    }
    return best;
  },
};

function colourOf(point, group) {
  if (map.colouring === "class") return labelOf(point) < 0 ? "--dropped" : classes[labelOf(point)].colour;
  if (map.colouring === "order" && isKept(point)) {
    return orderColour(Math.floor((ORDER_COLOURS * point) / carried.nKept));
  }
  if (map.colouring === "kept class" && group !== NEITHER && labelOf(point) >= 0) {
    return classes[labelOf(point)].colour;
  }
  return groups.find(({id}) => id === group).colour;
}

// From blue, chosen first, to yellow, chosen last.
const orderColour = (step) => {
  const share = step / (ORDER_COLOURS - 1);
  return `hsl(${Math.round(255 - 205 * share)} 70% ${Math.round(45 + 10 * share)}%)`;
};

function drawMap() {
  const {canvas} = map;
  const density = window.devicePixelRatio || 1;
  const view = map.view();
  const {width, height, left, bottom, unit} = view;
  if (!width || !height) return;
  if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
  }
  const context = canvas.getContext("2d");
  const style = getComputedStyle(root);
  const paint = (colour) => (colour.startsWith("--") ? style.getPropertyValue(colour).trim() : colour);
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  const inView = pointsInView(view);
  // Fewer points are drawn larger: [dropped, kept].
  const sizes = inView.totals.map((total, above) => (
    Math.min(Math.max(Math.sqrt((width * height) / Math.max(total, 1)) * 0.16, 0.8 + above * 0.4), 4 + above)
  ));
  for (const layer of inView.layers) {
    const size = sizes[layer.above];
    context.fillStyle = paint(layer.colour);
    context.globalAlpha = layer.above ? 0.9 : 0.7;
    if (size < 1.4) { // too small for a circle to be seen, and much faster
      for (const point of layer.points) {
        context.fillRect(left + points.x[point] * unit - size, bottom - points.y[point] * unit - size, 2 * size, 2 * size);
      }
      continue;
    }
    context.beginPath();
    for (const point of layer.points) {
      const x = left + points.x[point] * unit, y = bottom - points.y[point] * unit;
      context.moveTo(x + size, y);
      context.arc(x, y, size, 0, 2 * Math.PI);
    }
    context.fill();
  }
  context.globalAlpha = 1;
  const explaining = chosen.point < 0 ? []
    : isKept(chosen.point) ? representedBy(chosen.point)
    : [nearestOf(chosen.point)].filter((other) => other >= 0);
  drawLines(context, explaining, view, paint);
  const side = inView.total < 60 ? 44 : 30;
  const withPictures = pictures.ready && inView.total <= MOST_PICTURES;
  if (withPictures) drawPictures(context, inView, side, view, paint);
  drawRings(context, explaining, withPictures ? 0.75 * side : 7, paint);
}

function pointsInView(view) {
  const layers = [];
  const totals = [0, 0]; // of dropped and of kept points
  for (const layer of map.layers) {
    const seen = layer.points.filter((point) => {
      const [x, y] = map.place(point, view);
      return x > -30 && y > -30 && x < view.width + 30 && y < view.height + 30;
    });
    totals[layer.above] += seen.length;
    layers.push({...layer, points: seen});
  }
  return {layers, totals, total: totals[0] + totals[1]};
}

function drawPictures(context, inView, side, view, paint) {
  for (const {above, colour, points: seen} of inView.layers) {
    context.strokeStyle = paint(colour);
    context.lineWidth = above ? 3 : 1;
    for (const point of seen) {
      const [x, y] = map.place(point, view);
      if (!pictures.draw(context, point, x - side / 2, y - side / 2, side)) continue;
      context.strokeRect(x - side / 2, y - side / 2, side, side);
    }
  }
}

// Lines from the chosen point to those that explain it, below the pictures.
function drawLines(context, explaining, view, paint) {
  if (!explaining.length) return;
  const [x, y] = map.place(chosen.point, view);
  context.strokeStyle = paint("--ink");
  context.globalAlpha = explaining.length > 40 ? 0.25 : 0.6;
  context.lineWidth = 1;
  context.beginPath();
  for (const other of explaining) {
    context.moveTo(x, y);
    context.lineTo(...map.place(other, view));
  }
  context.stroke();
  context.globalAlpha = 1;
}

function drawRings(context, explaining, radius, paint) {
  context.strokeStyle = paint("--ink");
  if (chosen.point >= 0) ring(context, chosen.point, radius + 1, 2.5);
  if (explaining.length === 1) ring(context, explaining[0], radius, 1.5);
  if (map.hovered >= 0 && map.hovered !== chosen.point) ring(context, map.hovered, radius, 1.5);
}

function ring(context, point, radius, width) {
  context.lineWidth = width;
  context.beginPath();
  context.arc(...map.place(point), radius, 0, 2 * Math.PI);
  context.stroke();
}

// A mouse shows what is below it and chooses by a click; fingers choose by a tap. One pointer drags,
// two pinch.
function listenToPointer(canvas) {
  const held = new Map();
  let moved = 0;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, at(event));
    if (held.size === 1) moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (!held.has(event.pointerId)) {
      if (event.pointerType === "mouse") hover(map.pick(x, y, PICK_RADIUS.mouse), x, y);
      return;
    }
    const [oldX, oldY] = held.get(event.pointerId);
    moved += Math.abs(x - oldX) + Math.abs(y - oldY);
    if (held.size === 2) {
      const [other] = [...held].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const before = Math.hypot(oldX - other[0], oldY - other[1]);
      const after = Math.hypot(x - other[0], y - other[1]);
      if (before > 0) map.zoomBy(after / before, (x + other[0]) / 2, (y + other[1]) / 2);
    }
    if (moved > 4) {
      map.panBy((x - oldX) / held.size, (y - oldY) / held.size);
      hover(-1);
    }
    held.set(event.pointerId, [x, y]);
  });
  const release = (event) => {
    if (!held.delete(event.pointerId) || event.type === "pointercancel" || moved > 4) return;
    const [x, y] = at(event);
    chosen.set(map.pick(x, y, PICK_RADIUS[event.pointerType] || PICK_RADIUS.touch));
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener("wheel", (event) => {
    // Otherwise the page could not be scrolled past the map.
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    map.zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), ...at(event));
  }, {passive: false});
}

function hover(point, x, y) {
  const tip = within(".tip");
  tip.hidden = point < 0;
  map.canvas.style.cursor = point < 0 ? "" : "pointer";
  if (point >= 0) {
    if (tip.dataset.row !== String(points.rows[point]) || !tip.childElementCount) {
      tip.replaceChildren(
        pictures.show(point, 64),
        element("div", {}, element("strong", {}, nameOf(point)),
          ...[classOf(point), ...fate(point)].filter(Boolean).map((line) => element("span", {}, line))),
      );
    }
    const {clientWidth, clientHeight} = map.canvas;
    // Measured at the left edge: further right, the box would be narrower and higher.
    tip.style.left = tip.style.top = "0";
    const {offsetWidth, offsetHeight} = tip;
    const inside = (start, length, size) => Math.max(4, Math.min(start, length - size - 4));
    const below = y + 16 + offsetHeight < clientHeight;
    tip.style.left = `${inside(x + 14, clientWidth, offsetWidth)}px`;
    tip.style.top = `${inside(below ? y + 16 : y - offsetHeight - 12, clientHeight, offsetHeight)}px`;
  }
  tip.dataset.row = point < 0 ? "" : points.rows[point];
  if (map.hovered !== point) {
    map.hovered = point;
    map.redraw();
  }
}

const DIRECTIONS = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]};

function mapKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const direction = DIRECTIONS[event.key];
  if (direction) {
    const next = map.next(chosen.point, ...direction);
    if (next >= 0) chosen.set(next);
  } else if (event.key === "+" || event.key === "=") map.zoomBy(1.6, ...placeToZoomAt());
  else if (event.key === "-") map.zoomBy(1 / 1.6, ...placeToZoomAt());
  else if (event.key === "0") map.showAll();
  else if (event.key === "Escape") chosen.set(-1);
  else if (event.key === "]" || event.key === "[") chosen.set(inOrder(event.key === "]" ? 1 : -1));
  else return;
  event.preventDefault();
}

const placeToZoomAt = () => (chosen.point < 0 ? [] : map.place(chosen.point));

// The shown point that was selected after (or before) the chosen one.
function inOrder(step) {
  const from = isKept(chosen.point) && chosen.point >= 0 ? chosen.point : step > 0 ? -1 : carried.nKept;
  for (let point = from + step; point >= 0 && point < carried.nKept; point += step) {
    if (filters.passes(point)) return point;
  }
  return chosen.point;
}
