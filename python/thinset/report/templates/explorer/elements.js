// Small tools to make elements. Texts are always set as text, never as HTML.

const root = document.getElementById("explorer");
const within = (selector) => root.querySelector(selector);

// An element with attributes (functions become listeners) and children (elements or texts).
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const count = (number) => number.toLocaleString("en-US");

// Three or four significant digits, as people write them.
function figure(number) {
  if (number === 0 || !Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  return size >= 1e5 || size < 1e-3 ? number.toExponential(2) : String(Number(number.toPrecision(4)));
}

// Waits for a pause of the browser's, so that the first picture of the page is there at once.
const pause = () => new Promise((resume) => setTimeout(resume, 0));

// Moves the focus among buttons by arrow keys: the group takes one stop of the tab key.
function arrowKeys(group) {
  group.addEventListener("keydown", (event) => {
    const steps = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: "row", ArrowUp: "row", Home: "end", End: "end"};
    if (!(event.key in steps)) return;
    const buttons = [...group.querySelectorAll("button[data-point]")];
    const at = buttons.indexOf(document.activeElement);
    if (at < 0) return;
    let next = at + steps[event.key];
    if (steps[event.key] === "row") {
      const top = buttons[0].offsetTop;
      const inRow = Math.max(1, buttons.findIndex((button) => button.offsetTop > top));
      next = event.key === "ArrowDown" ? at + inRow : at - inRow;
    }
    if (steps[event.key] === "end") next = event.key === "Home" ? 0 : buttons.length - 1;
    if (next < 0 || next >= buttons.length) return;
    event.preventDefault();
    buttons[at].tabIndex = -1;
    buttons[next].tabIndex = 0;
    buttons[next].focus();
  });
}
