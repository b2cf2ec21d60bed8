// The small buttons at the right of the map: what a drag does, the zoom, cluster names, and the picture saved as a file.

const ICONS = {
  lasso: "M8 2.5c3.4 0 6 1.8 6 4.2s-2.6 4.2-6 4.2c-.9 0-1.7-.1-2.5-.3M3.3 9.4C2.5 8.7 2 7.7 2 6.7 2 4.3 4.6 2.5 8 2.5M5.5 10.6a1.6 1.6 0 1 1-2.2-1.2 1.6 1.6 0 0 1 2.2 1.2zc.2 1.4-.6 2.6-1.8 3.2",
  box: "M2.5 2.5h2M6.5 2.5h3M11.5 2.5h2v2M13.5 6.5v3M13.5 11.5v2h-2M9.5 13.5h-3M4.5 13.5h-2v-2M2.5 9.5v-3M2.5 4.5v-2",
  pan: "M8 1.8v12.4M1.8 8h12.4M8 1.8 6.3 3.5M8 1.8l1.7 1.7M8 14.2l-1.7-1.7M8 14.2l1.7-1.7M1.8 8l1.7-1.7M1.8 8l1.7 1.7M14.2 8l-1.7-1.7M14.2 8l-1.7 1.7",
  closer: "M8 3v10M3 8h10",
  further: "M3 8h10",
  reset: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  names: "M3 4V3h10v1M8 3v10M6 13h4",
};

class Tools {
  constructor(map) {
    this.map = map;
    this.element = make("div", "tools");
    this.element.setAttribute("role", "toolbar");
    this.element.setAttribute("aria-label", "Map tools");
    this.drags = {
      lasso: this.button("lasso", "Lasso: drag around points. Shift-drag pans; Shift at the end adds, Alt removes", () => this.drag("lasso")),
      box: this.button("box", "Box: drag a rectangle. Shift-drag pans; Shift at the end adds, Alt removes", () => this.drag("box")),
      pan: this.button("pan", "Pan: drag moves the map", () => this.drag("pan")),
    };
    this.names = this.button("names", "Names of clusters that are mostly one class", () => {
      map.labelled = !map.labelled;
      this.fill();
      map.stage.rest();
    });
    this.moves = make("span", "moves");
    this.moves.append(
      ...Object.values(this.drags),
      make("span", "gap"),
      this.button("closer", "Closer (+)", () => map.zoom(1.5)),
      this.button("further", "Further away (-)", () => map.zoom(1 / 1.5)),
      this.button("reset", "The whole map (0, or a double click)", () => map.reset()),
      this.names,
      make("span", "gap"),
    );
    this.element.append(
      this.moves,
      this.button("PNG", "Save the picture with its legend as PNG", () => savePng(map)),
      this.button("SVG", "Save the picture with its legend as SVG", () => saveSvg(map)),
    );
  }

  button(sign, words, action) {
    const button = make("button");
    button.type = "button";
    button.title = words;
    button.setAttribute("aria-label", words);
    if (ICONS[sign]) {
      const icon = shape("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
      icon.append(shape("path", { d: ICONS[sign] }));
      button.append(icon);
    } else button.append(sign);
    button.addEventListener("click", action);
    return button;
  }

  drag(kind) {
    this.map.tool = kind;
    this.fill();
  }

  fill() {
    const { map } = this;
    this.moves.hidden = !map.stage.painter;
    for (const [kind, button] of Object.entries(this.drags)) {
      button.hidden = !map.data.selects;
      button.setAttribute("aria-pressed", String(map.tool === kind));
    }
    this.element.querySelector(".gap").hidden = !map.data.selects;
    this.names.hidden = !map.panels.some((panel) => panel.clusters.length);
    this.names.setAttribute("aria-pressed", String(map.labelled));
    map.stage.canvas.style.cursor = map.tool === "pan" ? "grab" : "crosshair";
  }
}
