// What the page carries (see explorer/points.py), and questions about one point of it.

const carried = JSON.parse(document.getElementById("explorer-data").textContent);
const NO_POINT = 0xffffffff;
const NO_LABEL = 0xffff;
const ARRAYS = {uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array};

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place);
  return bytes;
}

const unpacked = (packed) => (packed ? new ARRAYS[packed.type](bytesOf(packed.data).buffer) : null);

async function unzipped(id) {
  const holder = document.getElementById(id);
  if (!holder) return null;
  const zipped = new Blob([bytesOf(holder.textContent)]).stream();
  const plain = zipped.pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(plain).text());
}

const points = {
  rows: unpacked(carried.rows),
  x: unpacked(carried.x),
  y: unpacked(carried.y),
  labels: unpacked(carried.labels),
  gains: unpacked(carried.gains),
  nearest: unpacked(carried.nearest), // of dropped points, from the first of them on
  distances: unpacked(carried.distances),
  represented: unpacked(carried.represented), // of kept points
  otherOrder: null, // the place in the other selection, or -1
  otherGains: carried.other ? unpacked(carried.other.gains) : null,
  texts: null, // these two come later
  ids: null,
};
const nPoints = points.rows.length;
const classes = (carried.classes || []).map(([name, colour, total]) => ({name, colour, total}));

if (carried.other) {
  points.otherOrder = new Int32Array(nPoints).fill(-1);
  unpacked(carried.other.points).forEach((point, order) => {
    if (point !== NO_POINT) points.otherOrder[point] = order;
  });
}

// The groups that points belong to. With one selection: kept and dropped.
const BOTH = 0, FIRST = 1, SECOND = 2, NEITHER = 3;
const groups = carried.other
  ? [
      {id: BOTH, name: "kept by both", colour: "--both"},
      {id: FIRST, name: `only ${carried.name}`, colour: "--first"},
      {id: SECOND, name: `only ${carried.other.name}`, colour: "--second"},
      {id: NEITHER, name: "dropped by both", colour: "--dropped"},
    ]
  : [
      {id: FIRST, name: "kept", colour: "--first"},
      {id: NEITHER, name: "dropped", colour: "--dropped"},
    ];

const isKept = (point) => point < carried.nKept;
const isKeptByOther = (point) => points.otherOrder !== null && points.otherOrder[point] >= 0;
function groupOf(point) {
  if (isKept(point)) return isKeptByOther(point) ? BOTH : FIRST;
  return isKeptByOther(point) ? SECOND : NEITHER;
}

function labelOf(point) {
  const label = points.labels ? points.labels[point] : NO_LABEL;
  return label === NO_LABEL ? -1 : label;
}
const classOf = (point) => (labelOf(point) < 0 ? "" : classes[labelOf(point)].name);

function nameOf(point) {
  const row = `Row ${count(points.rows[point])}`;
  return points.ids && points.ids[point] ? `${row}: ${points.ids[point]}` : row;
}

// The nearest kept point of a dropped one, or -1.
function nearestOf(point) {
  if (!points.nearest || isKept(point)) return -1;
  const nearest = points.nearest[point - carried.nKept];
  return nearest === NO_POINT ? -1 : nearest;
}
const distanceOf = (point) => points.distances[point - carried.nKept];

// The dropped points whose nearest kept one this is, the nearest first.
function representedBy(point) {
  const found = [];
  if (!points.nearest || !isKept(point)) return found;
  for (let place = 0; place < points.nearest.length; place++) {
    if (points.nearest[place] === point) found.push(place + carried.nKept);
  }
  return found.sort((a, b) => distanceOf(a) - distanceOf(b));
}

// What happened to a point, in one line for each selection.
function fate(point) {
  const of = (name, order, size, gains) => {
    const gain = gains ? `, gain ${figure(gains[order])}` : "";
    return `${name}kept as number ${count(order + 1)} of ${count(size)}${gain}`;
  };
  const first = carried.other ? `${carried.name}: ` : "";
  const lines = [
    isKept(point) ? of(first, point, carried.nSelected, points.gains) : `${first}dropped`,
  ];
  if (carried.other) {
    const name = `${carried.other.name}: `;
    const order = points.otherOrder[point];
    lines.push(order < 0 ? `${name}dropped` : of(name, order, carried.other.nSelected, points.otherGains));
  }
  return lines;
}

// The stacks of near-duplicates: how many samples each has, and the points that are shown of it.
const stacks = [];
const stackOf = new Map();
if (carried.stacks) {
  const members = unpacked(carried.stacks.members);
  const shown = unpacked(carried.stacks.shown);
  let start = 0;
  unpacked(carried.stacks.sizes).forEach((size, number) => {
    const stack = {size, members: [...members.subarray(start, start + shown[number])]};
    start += shown[number];
    stacks.push(stack);
    for (const point of stack.members) stackOf.set(point, stack);
  });
}
