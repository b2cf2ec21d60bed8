// The gallery's half in the browser; curation/ui/gallery.py is the other. Text reaches the page through textContent,
// alt and title only. The choice lives here; Python hears of it once it has rested for 150 ms.

const ICONS = __ICONS__;
const REST = 150;
const SVG = "http://www.w3.org/2000/svg";
const CHECK = "M6.2 13.4 1 8.2l1.6-1.6 3.6 3.6 7.2-7.2L15 4.6z";

const memory = new Map(); // gallery key -> {ids, token}: outlives a gallery that is taken away and drawn again
const galleries = new WeakMap(); // where it is drawn -> Gallery

export default function (component) {
  const place = component.parentElement;
  if (!galleries.has(place)) galleries.set(place, new Gallery(place.querySelector(".grid")));
  const gallery = galleries.get(place);
  gallery.update(component);
  return () => clearTimeout(gallery.timer);
}

class Gallery {
  constructor(grid) {
    this.grid = grid;
    this.tiles = new Map(); // id -> {element, json}, in order
    this.order = [];
    this.at = 0; // the tile that holds the keyboard focus
    this.anchor = 0; // where a range starts
    grid.setAttribute("role", "listbox");
    grid.setAttribute("aria-multiselectable", "true");
    grid.addEventListener("click", (event) => this.click(event));
    grid.addEventListener("dblclick", (event) => this.open(this.index(event)));
    grid.addEventListener("keydown", (event) => this.key(event));
    grid.addEventListener("mousedown", (event) => event.shiftKey && event.preventDefault()); // no text selection
  }

  update({ data, setStateValue, setTriggerValue }) {
    this.send = setStateValue;
    this.trigger = setTriggerValue;
    if (!memory.has(data.key)) memory.set(data.key, { ids: new Set(), token: null });
    this.choice = memory.get(data.key);
    if (data.push && data.push.token !== this.choice.token) {
      clearTimeout(this.timer);
      this.choice.ids = new Set(data.push.ids);
      this.choice.token = data.push.token;
    }
    this.grid.setAttribute("aria-label", data.name);
    this.grid.style.setProperty("--size", `${data.size}px`);
    this.grid.style.maxHeight = data.height ? `${data.height}px` : "";
    this.grid.classList.toggle("scrolls", Boolean(data.height));
    if (data.content !== this.content) this.fill(data.tiles);
    this.content = data.content;
    this.show();
  }

  // Tiles that stay keep their element, so a changed badge does not make the page flicker.
  fill(rows) {
    const before = this.tiles;
    const focused = this.order[this.at];
    const top = this.grid.scrollTop;
    this.tiles = new Map();
    let kept = 0;
    for (const row of rows) {
      const json = JSON.stringify(row);
      const old = before.get(row.id);
      if (old) kept += 1;
      this.tiles.set(row.id, old && old.json === json ? old : { element: build(row), json });
    }
    const held = this.grid.getRootNode().activeElement?.parentNode === this.grid;
    this.order = rows.map((row) => row.id);
    this.grid.replaceChildren(...[...this.tiles.values()].map((tile) => tile.element));
    this.grid.scrollTop = kept ? top : 0;
    this.at = Math.max(0, this.order.indexOf(focused));
    this.anchor = this.at;
    if (held) this.focus(this.at);
  }

  show() {
    let any = false;
    this.order.forEach((id, index) => {
      const chosen = this.choice.ids.has(id);
      const { element } = this.tiles.get(id);
      element.setAttribute("aria-selected", String(chosen));
      element.tabIndex = index === this.at ? 0 : -1;
      any ||= chosen;
    });
    this.grid.classList.toggle("choosing", any);
  }

  changed() {
    this.show();
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => this.send("chosen", { ids: [...this.choice.ids], at: Date.now(), after: this.choice.token }),
      REST,
    );
  }

  set(index, chosen) {
    this.choice.ids[chosen ? "add" : "delete"](this.order[index]);
  }

  range(to) {
    const [low, high] = this.anchor < to ? [this.anchor, to] : [to, this.anchor];
    for (let i = low; i <= high; i += 1) this.set(i, true);
  }

  index(event) {
    const element = event.target.closest("[role=option]");
    return element ? [...this.grid.children].indexOf(element) : -1;
  }

  click(event) {
    const index = this.index(event);
    if (index < 0) return;
    if (event.shiftKey) this.range(index);
    else {
      this.set(index, !this.choice.ids.has(this.order[index]));
      this.anchor = index;
    }
    this.focus(index);
    this.changed();
  }

  open(index) {
    if (index >= 0) this.trigger("opened", this.order[index]);
  }

  focus(index) {
    this.at = index;
    this.tiles.get(this.order[index])?.element.focus({ preventScroll: false });
  }

  key(event) {
    const last = this.order.length - 1;
    if (last < 0 || event.altKey) return;
    const all = event.ctrlKey || event.metaKey;
    const columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const jump = { Home: 0, End: last }[event.key];
    if (all && event.key.toLowerCase() === "a") {
      for (let i = 0; i <= last; i += 1) this.set(i, true);
      this.changed();
    } else if (all) {
      return;
    } else if (step !== undefined || jump !== undefined) {
      const to = jump ?? Math.min(last, Math.max(0, this.at + step));
      if (event.shiftKey) this.range(to);
      else this.anchor = to;
      this.focus(to);
      if (event.shiftKey) this.changed();
      else this.show();
    } else if (event.key === " ") {
      this.set(this.at, !this.choice.ids.has(this.order[this.at]));
      this.anchor = this.at;
      this.changed();
    } else if (event.key === "Enter") {
      this.open(this.at);
    } else if (event.key === "Escape") {
      this.choice.ids.clear();
      this.changed();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

function build(row) {
  const element = make("div", `tile ${row.badge ?? ""}`);
  element.setAttribute("role", "option");
  const text = row.said.map(([, part]) => part);
  element.setAttribute("aria-label", [...text, row.label, row.note, row.badge].filter(Boolean).join(", "));
  element.title = row.title || [row.label, row.note].filter(Boolean).join("\n"); // what is cut off can be read
  const frame = make("div", row.said.length ? "frame words" : "frame");
  if (row.src || !row.said.length) frame.append(picture(row));
  frame.append(icon("check", CHECK));
  if (ICONS[row.badge]) frame.append(icon("badge", ICONS[row.badge]));
  if (row.said.length) frame.append(words(row.said));
  const label = make("div", "label");
  if (/^#[0-9a-f]{6}$/i.test(row.colour)) {
    const dot = make("i");
    dot.style.background = row.colour;
    label.append(dot);
  }
  label.append(row.label);
  element.append(frame, label);
  if (row.note) {
    const note = make("div", "note");
    note.textContent = row.note;
    element.append(note);
  }
  return element;
}

function picture(row) {
  const image = make("img");
  image.alt = row.label;
  image.decoding = "async";
  image.draggable = false;
  image.addEventListener("load", () => {
    image.classList.toggle("pixels", Math.max(image.naturalWidth, image.naturalHeight) <= 28);
  });
  if (/^data:image\//.test(row.src)) image.src = row.src;
  return image;
}

// What an item says, each part in the direction it is written in.
function words(said) {
  const box = make("div", "said");
  for (const [who, text] of said) {
    const part = make("p");
    part.dir = "auto";
    if (who) {
      const name = make("small");
      name.textContent = `${who} `;
      part.append(name);
    }
    part.append(text);
    box.append(part);
  }
  return box;
}

function make(tag, className = "") {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}

function icon(className, path) {
  const box = make("span", className);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  shape.setAttribute("fill-rule", "evenodd");
  svg.append(shape);
  box.append(svg);
  return box;
}
