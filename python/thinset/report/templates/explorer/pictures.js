// Thumbnails, cut out of the sheets. Sheets are decoded after the map is drawn.

const sheets = carried.sheets.map(([first, count, columns, width, height]) => (
  {first, count, columns, width, height, bitmap: null}
));
const pictures = {
  ready: false,

  async load() {
    const holders = [...document.querySelectorAll(".explorer-sheet")];
    for (const [number, holder] of holders.entries()) {
      const blob = new Blob([bytesOf(holder.textContent)], {type: "image/webp"});
      sheets[number].bitmap = await createImageBitmap(blob);
      await pause();
    }
    pictures.ready = sheets.length > 0;
  },

  sheetOf(point) {
    return sheets.find(({first, count}) => point >= first && point < first + count) || null;
  },

  // Draws a point's picture into the square at x, y, whole and centred; false if it has none.
  draw(context, point, x, y, side) {
    const sheet = pictures.sheetOf(point);
    if (!sheet || !sheet.bitmap) return false;
    const place = point - sheet.first;
    const scale = side / Math.max(sheet.width, sheet.height);
    const width = sheet.width * scale, height = sheet.height * scale;
    // Icons of a few pixels show these instead of a blur.
    context.imageSmoothingEnabled = Math.max(sheet.width, sheet.height) > 12;
    context.imageSmoothingQuality = "high";
    context.drawImage(
      sheet.bitmap,
      (place % sheet.columns) * sheet.width, Math.floor(place / sheet.columns) * sheet.height,
      sheet.width, sheet.height,
      x + (side - width) / 2, y + (side - height) / 2, width, height,
    );
    return true;
  },

  // A canvas with the picture, `side` CSS pixels wide; or the beginning of the text; or the row.
  show(point, side) {
    if (points.texts) return element("span", {class: "text"}, points.texts[point]);
    if (!pictures.sheetOf(point)) {
      const words = sheets.length ? "no picture in this page" : `row ${count(points.rows[point])}`;
      return element("span", {class: "text none"}, words);
    }
    const density = Math.min(2, Math.ceil(window.devicePixelRatio || 1));
    const canvas = element("canvas", {role: "img", "aria-label": nameOf(point)});
    canvas.width = canvas.height = side * density;
    canvas.style.width = canvas.style.height = `${side}px`;
    pictures.draw(canvas.getContext("2d"), point, 0, 0, side * density);
    return canvas;
  },

  // A button with the picture that chooses the point.
  button(point, side, caption, choose) {
    const kept = groups.find(({id}) => id === groupOf(point));
    return element(
      "button",
      {
        type: "button", class: "sample", "data-point": point, "data-row": points.rows[point],
        "aria-label": [nameOf(point), classOf(point), ...fate(point)].filter(Boolean).join(", "),
        style: `--group: var(${kept.colour})`, click: () => choose(point),
      },
      pictures.show(point, side),
      caption ? element("small", {}, caption) : null,
    );
  },
};
