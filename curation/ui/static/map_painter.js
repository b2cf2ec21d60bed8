// Points on the graphics card. Eight bytes each: the place, and one number that packs colour, difficulty and state.

const FAINT = 2; // bits of a point's state: 1 is shown, 8 and 16 say its shape; here, something else is in focus
const LEFT_OUT = 4;
const GREY = 32; // of no class, or one of many that share a colour
const LAYERS = { leftOut: 0, faint: 1, grey: 2, colour: 3 }; // from below
const SMOOTH = 160_000; // points drawn while the map moves; the others follow when it rests
const HALO = 3.2; // css pixels a ring reaches beyond its point

const VERTEX = `#version 300 es
precision highp float;
layout(location = 0) in vec2 place;
layout(location = 1) in uint looks;
uniform vec2 centre, scale;       // of the view; clip units per coordinate
uniform float pixels, base, cellArea, thin;
uniform float contrast, steep;    // contrast below 0: all of one size
uniform int layer;
uniform bool ringed;
uniform vec3 paper, ink;
uniform sampler2D palette, crowding;
out vec4 colour;
flat out float radius, reach;
flat out int shape;

void main() {
  uint state = looks >> 26;
  int own = (state & 4u) != 0u ? 0 : (state & 2u) != 0u ? 1 : (state & 32u) != 0u ? 2 : 3;
  gl_PointSize = 1.0;
  gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  if ((state & 1u) == 0u || own != layer) return;
  float across = base * (contrast < 0.0 ? 1.6 : 1.0 + contrast * pow(float((looks >> 16) & 1023u) / 1023.0, steep));
  if (own == 0) across = base;
  float seen = max(across, 1.3);  // a smaller disc is drawn fainter instead
  float perCell = max(exp2(texture(crowding, place / 65536.0).r * 24.0) - 1.0 - ${ITSELF}, 0.0);
  float layers = perCell / thin / cellArea * 0.7854 * across * across;
  float alpha = clamp(0.92 * inversesqrt(max(layers, 1e-6)), 0.07, 0.92);
  if (seen > across) alpha *= max(across * across / (seen * seen), 0.4);
  uint code = looks & 65535u;
  uint at = code == 65535u ? 0u : code + 1u;
  colour = texelFetch(palette, ivec2(at & 1023u, at >> 10), 0);
  colour.a *= alpha;
  if (own == 1) colour = vec4(mix(colour.rgb, paper, 0.35), max(colour.a * 0.2, 0.02));
  if (own == 0) colour = vec4(mix(paper, ink, 0.3), alpha * 0.45);
  if (ringed) colour.a = own >= 2 ? 1.0 : 0.35;
  radius = 0.5 * seen * pixels;
  reach = radius + (ringed ? ${HALO.toFixed(1)} * pixels : 0.5);
  shape = int((state >> 3) & 3u);
  gl_PointSize = 2.0 * reach;
  gl_Position = vec4((place - centre) * scale, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 colour;
flat in float radius, reach;
flat in int shape;
uniform vec3 paper, warning;
uniform float pixels;
uniform bool ringed;
out vec4 painted;

float outside(vec2 p) {           // distance to the edge of the point's shape, negative within
  if (shape == 1) { vec2 q = abs(p) * 0.8660 + vec2(p.y * 0.5, 0.0); return max(q.x, -p.y) - radius * 0.62; }
  if (shape == 2) { vec2 q = abs(p); return max(q.x, q.y) - radius * 0.886; }
  if (shape == 3) { vec2 q = abs(p); return (q.x + q.y) * 0.7071 - radius * 0.886; }
  return length(p) - radius;
}

void main() {
  vec2 p = (gl_PointCoord * 2.0 - 1.0) * reach;
  p.y = -p.y;
  float away = outside(p);
  float rim = clamp(away + 1.5, 0.0, 1.0) * 0.55 * smoothstep(2.5, 6.0, radius / pixels);  // tells neighbours apart
  vec4 disc = vec4(mix(colour.rgb, paper, rim), colour.a * clamp(0.5 - away, 0.0, 1.0));
  if (!ringed) { painted = disc; return; }
  float line = abs(length(p) - radius - 1.9 * pixels);
  float ring = clamp(0.8 * pixels - line + 0.5, 0.0, 1.0);
  float casing = clamp(1.3 * pixels - line + 0.5, 0.0, 1.0) * 0.8;
  float alpha = max(max(disc.a, ring), casing) * (colour.a < 1.0 ? 0.35 : 1.0);
  painted = vec4(ring > 0.0 ? mix(paper, warning, ring) : mix(paper, disc.rgb, disc.a), alpha);
}`;

class Painter {
  /** Raises an Error where there is no WebGL 2. */
  constructor(canvas) {
    this.gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false, powerPreference: "high-performance" });
    if (!this.gl) throw new Error("this browser draws no WebGL");
    this.begin();
  }

  /** Everything that lives on the card; again after it was lost. */
  begin() {
    const { gl } = this;
    this.program = program(gl, VERTEX, FRAGMENT);
    this.at = uniforms(gl, this.program);
    this.places = gl.createBuffer();
    this.ringPlaces = gl.createBuffer();
    this.panels = [];
    this.crowding = null;
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
  }

  /** Places in drawing order, Uint16Array [2 n]. */
  setPlaces(places) {
    this.n = places.length / 2;
    fill(this.gl, this.places, places);
  }

  /** Points per cell, Float32Array [SIDE * SIDE]: a texture of their logarithms, which the card interpolates. */
  setCrowding(perCell) {
    const { gl } = this;
    this.crowding ??= gl.createTexture();
    const bytes = Uint8Array.from(perCell, (count) => Math.round((Math.log2(1 + count) / 24) * 255));
    gl.bindTexture(gl.TEXTURE_2D, this.crowding);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, SIDE, SIDE, 0, gl.RED, gl.UNSIGNED_BYTE, bytes);
    filter(gl, gl.LINEAR);
  }

  /** One panel's looks in drawing order, which layers they are on, its colours as Uint8Array [4 k] with that of "none"
   * first, and whether size is difficulty. */
  setPanel(index, looks, layers, colours, sized) {
    const { gl } = this;
    const panel = (this.panels[index] ??= { looks: gl.createBuffer(), ringLooks: gl.createBuffer(), palette: gl.createTexture() });
    fill(gl, panel.looks, looks);
    Object.assign(panel, { layers, sized });
    const rows = Math.ceil(colours.length / 4096);
    const padded = new Uint8Array(4096 * rows);
    padded.set(colours);
    gl.bindTexture(gl.TEXTURE_2D, panel.palette);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 1024, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, padded);
    filter(gl, gl.NEAREST);
  }

  /** The points with a ring: places Uint16Array [2 k], and for every panel looks Uint32Array [k]. */
  setRings(places, looks) {
    this.rings = places.length / 2;
    fill(this.gl, this.ringPlaces, places);
    looks.forEach((part, index) => fill(this.gl, this.panels[index].ringLooks, part));
  }

  /**
   * One picture of all panels. view: a View; boxes: [left, top] of each panel in css pixels; pixels: per css pixel;
   * moving: draw a part only; colours: {paper, ink, warning} as [r, g, b] in 0..1.
   */
  draw(view, boxes, { pixels, moving, colours }) {
    const { gl, at } = this;
    const height = gl.canvas.height;
    gl.disable(gl.SCISSOR_TEST);
    gl.clearColor(...colours.paper, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.SCISSOR_TEST);
    gl.useProgram(this.program);
    const step = moving ? Math.min(60, Math.max(1, Math.round(this.n / SMOOTH))) : 1; // a stride has 255 bytes at most
    for (const [name, value] of Object.entries(colours)) gl.uniform3fv(at[name], value);
    gl.uniform2f(at.centre, view.x, view.y);
    gl.uniform2f(at.scale, (2 * view.scale) / view.width, (2 * view.scale) / view.height);
    gl.uniform1f(at.pixels, pixels);
    gl.uniform1f(at.base, view.base);
    gl.uniform1f(at.cellArea, view.cellArea);
    gl.uniform1f(at.thin, step);
    gl.uniform1f(at.steep, STEEP);
    gl.uniform1i(at.palette, 0);
    gl.uniform1i(at.crowding, 1);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.crowding);
    gl.activeTexture(gl.TEXTURE0);
    boxes.forEach(([left, top], index) => {
      const panel = this.panels[index];
      const [w, h] = [Math.round(view.width * pixels), Math.round(view.height * pixels)];
      const corner = [Math.round(left * pixels), height - Math.round(top * pixels) - h];
      gl.viewport(...corner, w, h);
      gl.scissor(...corner, w, h);
      gl.bindTexture(gl.TEXTURE_2D, panel.palette);
      gl.uniform1f(at.contrast, panel.sized ? CONTRAST : -1);
      gl.uniform1i(at.ringed, 0);
      this.points(this.places, panel.looks, step, Math.floor(this.n / step), panel.layers);
      gl.uniform1i(at.ringed, 1);
      if (this.rings) this.points(this.ringPlaces, panel.ringLooks, 1, this.rings, panel.layers);
    });
  }

  points(places, looks, step, count, layers) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, places);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.UNSIGNED_SHORT, false, 4 * step, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, looks);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribIPointer(1, 1, gl.UNSIGNED_INT, 4 * step, 0);
    for (const layer of layers) {
      gl.uniform1i(this.at.layer, layer);
      gl.drawArrays(gl.POINTS, 0, count);
    }
  }

  /** Give the card back: a browser lends a page sixteen of them. */
  end() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

function fill(gl, buffer, values) {
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
}

function filter(gl, how) {
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, how);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, how);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}

function program(gl, ...sources) {
  const made = gl.createProgram();
  [gl.VERTEX_SHADER, gl.FRAGMENT_SHADER].forEach((kind, i) => {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, sources[i]);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  });
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(made));
  return made;
}

/** Where each uniform of a program is, by name. */
function uniforms(gl, made) {
  const count = gl.getProgramParameter(made, gl.ACTIVE_UNIFORMS) ?? 0;
  const names = Array.from({ length: count }, (_, i) => gl.getActiveUniform(made, i).name);
  return Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(made, name)]));
}
