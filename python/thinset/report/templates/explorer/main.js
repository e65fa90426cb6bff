// Puts the parts together: the map at once, then the pictures, then what shows pictures.

function makeColourings() {
  const list = within(".colours");
  const names = {kept: carried.other ? "by selection" : "kept or dropped"};
  if (classes.length) {
    names["kept class"] = "class of kept samples";
    names.class = "class of all samples";
  }
  names.order = carried.other ? `selection order of ${carried.name}` : "selection order";
  for (const [value, name] of Object.entries(names)) list.append(element("option", {value}, name));
  map.colouring = classes.length && !carried.other ? "kept class" : "kept";
  list.value = map.colouring;
  list.addEventListener("change", () => {
    map.colouring = list.value;
    map.recolour();
  });
}

function showTally() {
  let total = 0;
  for (let point = 0; point < nPoints; point++) if (filters.passes(point)) total += 1;
  root.dataset.shown = total;
  within(".found").textContent = total === nPoints ? `${count(total)} shown` : `${count(total)} of ${count(nPoints)} shown`;
}

// Chooses the sample with this row or id, or the first whose id has the text in it.
function find(text) {
  if (text === "") return;
  const plain = text.replaceAll(",", "");
  let point = points.ids ? points.ids.indexOf(text) : -1;
  if (point < 0 && /^\d+$/.test(plain)) point = points.rows.indexOf(Number(plain));
  if (point < 0 && points.ids) point = points.ids.findIndex((id) => id.includes(text));
  if (point < 0) within(".found").textContent = `${text} is not in this page`;
  else chosen.set(point);
}

function start() {
  makeGroupFilter();
  makeClassFilter();
  filters.listeners.push(showTally, () => sheet.fill(), () => pile.fill());
  chosen.listeners.push(showDetails, markChosen);
  if (points.x) {
    makeColourings();
    map.start(within(".map canvas"));
    filters.listeners.push(() => map.recolour());
    chosen.listeners.push((point) => {
      if (point >= 0) map.reveal(point);
      map.redraw();
    });
  }
  within(".filters").addEventListener("submit", (event) => event.preventDefault());
  within(".find").addEventListener("change", (event) => find(event.target.value.trim()));
  showTally();
  showDetails(-1);
  document.addEventListener("DOMContentLoaded", () => setTimeout(startPictures, 50));
}

async function startPictures() {
  try {
    [points.texts, points.ids] = await Promise.all([unzipped("explorer-texts"), unzipped("explorer-ids")]);
    await pictures.load();
  } catch (error) {
    within(".found").textContent = `This browser cannot show the pictures and texts: ${error.message}`;
  }
  if (points.x) map.redraw();
  sheet.start();
  pile.start();
  showDetails(chosen.point);
  root.dataset.ready = "true";
  performance.mark("pictures-shown");
}

// For tests and for curious people: where a row is on the map, in CSS pixels of its canvas.
root.placeOfRow = (row) => map.place(points.rows.indexOf(row));

start();
