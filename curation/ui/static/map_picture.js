// The map as a picture that stands on its own: an SVG with its legend, and a PNG made from it. Up to VECTORS points each
// is a shape of its own; more are one image inside. The same drawing is what a browser without WebGL shows.

const VECTORS = 20_000;
const LINE = 22; // css pixels of a line of the legend
const FONT = "13px 'Source Sans Pro', 'Segoe UI', Helvetica, Arial, sans-serif";

/** The drawing as an <svg>. legend: whether it is below. */
function drawn(map, { legend = true } = {}) {
  const { stage } = map;
  const { width, height: tall, boxes } = stage;
  const colours = stage.colours();
  const [paper, ink] = [css(colours.paper), css(colours.ink)];
  const pale = css(colours.paper.map((value, c) => 0.7 * value + 0.3 * colours.ink[c]));
  const entries = legend ? legendLines(map, width, ink) : [];
  const height = tall + (entries.length ? LINE * entries.length + 12 : 0);
  const svg = shape("svg", { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}`, style: `font: ${FONT}` });
  svg.append(shape("rect", { width, height, fill: paper }));
  const rows = visible(map);
  if (rows.length > VECTORS && stage.painter) svg.append(raster(map, width, tall));
  else {
    const step = Math.max(1, rows.length / VECTORS);
    const part = Array.from({ length: Math.min(rows.length, VECTORS) }, (_, i) => rows[Math.floor(i * step)]);
    boxes.forEach((box, index) => svg.append(points(map, index, box, part, pale)));
  }
  const names = shape("g", { fill: ink, stroke: paper, "stroke-width": 3, "paint-order": "stroke", "stroke-linejoin": "round" });
  names.append(...boxes.flatMap((box, index) => captions(map, index, box)));
  for (const label of names.querySelectorAll(".cluster")) label.setAttribute("text-anchor", "middle");
  for (const label of names.children) label.setAttribute("font-weight", 600);
  svg.append(names);
  entries.forEach((line, number) => {
    const group = shape("g", { transform: `translate(12 ${tall + 12 + LINE * number + LINE / 2})`, fill: ink });
    group.append(...line);
    svg.append(group);
  });
  return svg;
}

/** Rows in sight, in drawing order. */
function visible(map) {
  const [x0, y0, x1, y1] = map.view.sight(6);
  const { xy } = map;
  return map.order.filter((row) => map.shown[row] && xy[2 * row] >= x0 && xy[2 * row] <= x1 && xy[2 * row + 1] >= y0 && xy[2 * row + 1] <= y1);
}

function raster(map, width, height) {
  const { canvas, painter, boxes } = map.stage;
  const before = [canvas.width, canvas.height];
  const pixels = 2;
  [canvas.width, canvas.height] = [width * pixels, height * pixels];
  painter.draw(map.view, boxes, { pixels, moving: false, colours: map.stage.colours() });
  const href = canvas.toDataURL("image/png");
  [canvas.width, canvas.height] = before;
  map.stage.rest();
  return shape("image", { href, width, height });
}

/** One panel's points as shapes, and the rings; as the shader draws them. */
function points(map, index, [left, top], rows, pale) {
  const { view, hard, xy } = map;
  const panel = map.panels[index];
  const group = shape("g", { transform: `translate(${left} ${top})` });
  const { leftOut, faint, grey, colour } = LAYERS;
  const looks = rows.map((row) => {
    const layer = panel.leftOut?.[row] ? leftOut : map.isFaint(row) ? faint : panel.greys[panel.codes[row]] ? grey : colour;
    const across = layer === leftOut ? view.base : diameter(view.base, hard.levels[row], panel.flat);
    const share = { [leftOut]: 0.45, [faint]: 0.2, [grey]: 0.6, [colour]: 1 }[layer];
    const alpha = share * opacity(across, map.crowding[map.grid.cell(row)], view.cellArea);
    const own = panel.codes[row] === FULL ? panel.grey : panel.colours[panel.codes[row]];
    return { row, layer, across, alpha, fill: layer === leftOut ? pale : own };
  });
  for (const layer of [leftOut, faint, grey, colour])
    for (const look of looks) {
      if (look.layer !== layer) continue;
      const [x, y] = view.toScreen(xy[2 * look.row], xy[2 * look.row + 1]);
      if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
      group.append(disc(x, y, look.across / 2, map.shapes?.[look.row] ?? 0, { fill: look.fill, "fill-opacity": look.alpha.toFixed(2) }));
    }
  const near = new Set(rows);
  for (const row of map.stage.rings) {
    if (!near.has(row)) continue;
    const [cx, cy] = view.toScreen(xy[2 * row], xy[2 * row + 1]).map((value) => value.toFixed(1));
    const r = diameter(view.base, hard.levels[row], panel.flat) / 2 + 1.9;
    group.append(shape("circle", { cx, cy, r, fill: "none", stroke: map.data.ring.colour, "stroke-width": 1.6, "stroke-opacity": map.isFaint(row) ? 0.35 : 1 }));
  }
  return group;
}

/** A point's sign: circle, triangle, square or diamond of about one area. */
function disc(x, y, r, kind, attributes) {
  const at = (dx, dy) => `${(x + dx * r).toFixed(1)} ${(y + dy * r).toFixed(1)}`;
  if (kind === 1) return shape("path", { d: `M${at(0, -1.24)}L${at(1.07, 0.62)}L${at(-1.07, 0.62)}Z`, ...attributes });
  if (kind === 2) return shape("path", { d: `M${at(-0.886, -0.886)}L${at(0.886, -0.886)}L${at(0.886, 0.886)}L${at(-0.886, 0.886)}Z`, ...attributes });
  if (kind === 3) return shape("path", { d: `M${at(0, -1.253)}L${at(1.253, 0)}L${at(0, 1.253)}L${at(-1.253, 0)}Z`, ...attributes });
  return shape("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: r.toFixed(2), ...attributes });
}

/** The legend as lines of shapes and words, no wider than the picture. */
function legendLines(map, width, ink) {
  const { data, hard, panels, key } = map;
  const [panel] = panels;
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = FONT;
  const parts = [];
  const add = (words, sign = null) => parts.push({ words, sign });
  add(key.count.textContent);
  if (!hard.flat) {
    add(`${data.valuesName}:`);
    for (const { across, words } of sizes(map)) add(words, disc(7, 0, across / 2, 0, { fill: ink, "fill-opacity": 0.6 }));
  }
  if (map.ringed.length) add(key.ring.textContent, shape("circle", { cx: 7, r: 5, fill: "none", stroke: data.ring.colour, "stroke-width": 1.6 }));
  for (const { number, name } of data.shapes) add(name, disc(7, 0, 5, number, { fill: ink, "fill-opacity": 0.6 }));
  if (panels.some((one) => one.leftOut)) add(data.leftOutName, disc(7, 0, 3, 0, { fill: ink, "fill-opacity": 0.25 }));
  if (panel.stops) {
    add(`${panel.words}:`);
    add(amount(panel.low));
    for (let i = 0; i < 8; i += 1) add("", shape("rect", { x: 0, y: -5, width: 14, height: 10, fill: panel.colours[Math.round((255 * i) / 7)] }));
    add(amount(panel.high));
  } else {
    const named = panel.names.map((name, code) => [name, code]).filter(([, code]) => key.counts[code] && (panel.names.length <= NAMED || panel.colours[code] !== panel.grey));
    for (const [name, code] of named) add(name, disc(7, 0, 5, 0, { fill: panel.colours[code] }));
    const others = panel.names.length - named.length;
    if (panel.names.length > NAMED && others) add(`${others.toLocaleString("en")} other classes`, disc(7, 0, 5, 0, { fill: panel.grey }));
    if (key.counts[FULL] && panel.none) add(panel.none, disc(7, 0, 5, 0, { fill: panel.grey }));
  }
  const lines = [[]];
  let x = 0;
  for (const { words, sign } of parts) {
    const wide = (sign ? (words ? 18 : 14) : 0) + pen.measureText(words).width + (words ? 16 : 0);
    if (x > 0 && x + wide > width - 24) [x] = [0, lines.push([])];
    const group = shape("g", { transform: `translate(${x.toFixed(1)} 0)` });
    if (sign) group.append(sign);
    if (words) group.append(text(words, sign ? 18 : 0, 4.5, "words"));
    lines.at(-1).push(group);
    x += wide;
  }
  return lines;
}

/** A colour of [r, g, b] in 0..1 as SVG writes it. */
function css(parts) {
  return `rgb(${parts.map((value) => Math.round(255 * value))})`;
}

function saveSvg(map) {
  const content = new XMLSerializer().serializeToString(drawn(map));
  save(new Blob([content], { type: "image/svg+xml" }), `${map.data.file}.svg`);
}

async function savePng(map) {
  const svg = drawn(map);
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 2 * svg.getAttribute("width"), height: 2 * svg.getAttribute("height") });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  canvas.toBlob((blob) => save(blob, `${map.data.file}.png`));
}

function save(blob, name) {
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
