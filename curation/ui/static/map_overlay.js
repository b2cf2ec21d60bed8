// What lies over the points: the area being drawn, the mark of the hovered point, names of clusters, titles of panels.

const SVG = "http://www.w3.org/2000/svg";
const LABEL_ZOOM = 6; // cluster names are for the whole picture; closer up the legend and the card say more

class Overlay {
  constructor(map) {
    this.map = map;
    this.svg = shape("svg", { class: "over", "aria-hidden": "true" });
    this.names = shape("g");
    this.area = shape("path", { class: "area" });
    this.ring = shape("g", { class: "hovered" });
    this.message = make("div", "message");
    this.message.setAttribute("role", "status");
    this.svg.append(this.names, this.area, this.ring);
  }

  draw() {
    this.names.replaceChildren(...this.map.stage.boxes.flatMap((box, index) => captions(this.map, index, box)));
    this.mark();
  }

  sketch(outline) {
    this.area.setAttribute("d", outline.length > 1 ? `M${outline.map((corner) => corner.map(Math.round)).join("L")}Z` : "");
  }

  /** Where a row is drawn in the panel the pointer is in, in css pixels on the canvas. */
  centre(row) {
    const { view, xy, panel } = this.map;
    const { boxes } = this.map.stage;
    const [left, top] = view.toScreen(xy[2 * row], xy[2 * row + 1]);
    return [left + boxes[panel][0], top + boxes[panel][1]];
  }

  mark() {
    const { map } = this;
    if (map.hovered === null || !map.stage.boxes) return this.ring.replaceChildren();
    const [cx, cy] = this.centre(map.hovered);
    const r = diameter(map.view.base, map.hard.levels[map.hovered], map.panels[map.panel].flat) / 2 + 3.5;
    return this.ring.replaceChildren(shape("circle", { cx, cy, r, class: "casing" }), shape("circle", { cx, cy, r }));
  }

  say(text) {
    this.message.textContent = text;
    this.message.hidden = !text;
  }
}

/** The title of a panel and the names of its clusters, those of large clusters first where names would overlap. */
function captions(map, index, [left, top]) {
  const { view, panels, labelled } = map;
  const panel = panels[index];
  const made = [];
  if (panel.title) made.push(text(panel.title, left + 10, top + 20, "title"));
  if (!labelled || view.zoom > LABEL_ZOOM) return made;
  const taken = [];
  for (const { x, y, name } of panel.clusters) {
    const [atX, atY] = view.toScreen(x, y);
    const half = 4 + 3.9 * name.length;
    const [x0, x1, y0, y1] = [atX - half, atX + half, atY - 18, atY];
    const free = taken.every((box) => x1 < box[0] || x0 > box[1] || y1 < box[2] || y0 > box[3]);
    if (!free || x0 < 0 || y0 < 0 || x1 > view.width || y1 > view.height) continue;
    taken.push([x0, x1, y0, y1]);
    made.push(text(name, left + atX, top + atY - 5, "cluster"));
  }
  return made;
}

function shape(tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function text(words, x, y, kind) {
  const element = shape("text", { x, y, class: kind });
  element.textContent = words;
  return element;
}
