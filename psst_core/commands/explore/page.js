// The page of a sweep: a measure over any of its axes, and runs at a point. All data stand in the page.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
const NONE = "";
const MANY_LINES = 7; // of more values of the second axis, so many are drawn
const MANY_POINTS = 20000; // from so many on, points are drawn by the graphics card
const MANY_CELLS = 60; // of more along an axis, none has an edge
const MANY_SPIKES = 5000; // likewise
const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"] };

// Numbers of an array that stands as base64 in the page.
function decoded(text, Type) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Type(bytes.buffer);
}

const arrays = new Map(); // decoded when first shown
function valuesOf(measure) {
  if (!arrays.has(measure.name)) arrays.set(measure.name, decoded(measure.data, Float32Array));
  return arrays.get(measure.name);
}

// What is chosen: names of the measure, the x axis and the second axis, the kind of picture, and a place on each dimension.
const chosen = { measure: DATA.measures[0].name, x: null, second: NONE, kind: "curves", places: {} };

const measureOf = () => DATA.measures.find((one) => one.name === chosen.measure);
const dimsOf = (measure) => [...DATA.dims, ...measure.dims];
const long = (dim) => dim.values.length > 1 && !dim.replicate;
const text = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value));

// What may lie along x: dimensions, and the parameters that lie along `run`.
function axes(measure) {
  const found = dimsOf(measure).filter(long).filter((dim) => dim.name !== "run" || DATA.parameters.length === 0);
  return [...found, ...(DATA.dims.some((dim) => dim.name === "run" && long(dim)) ? DATA.parameters : [])];
}
const isParameter = (name) => DATA.parameters.some((one) => one.name === name);

// Fit the choice to the measure: what it lacks is chosen anew.
function settle() {
  const measure = measureOf(), names = axes(measure).map((axis) => axis.name);
  if (!names.includes(chosen.x)) {
    const numeric = axes(measure).filter((axis) => axis.numeric && axis.name !== "population");
    const best = numeric.sort((a, b) => b.values.length - a.values.length)[0];
    chosen.x = best ? best.name : names.length ? names[0] : NONE;
  }
  if (!names.includes(chosen.second) || chosen.second === chosen.x) chosen.second = NONE;
  if (isParameter(chosen.x)) {
    if (chosen.second !== NONE && !isParameter(chosen.second)) chosen.second = NONE;
    chosen.kind = "points";
  } else {
    if (isParameter(chosen.second)) chosen.second = NONE;
    if (chosen.kind === "points") chosen.kind = "curves";
    if (chosen.kind === "map" && chosen.second === NONE) {
      const other = names.find((name) => name !== chosen.x && !isParameter(name));
      if (other) chosen.second = other;
      else chosen.kind = "curves";
    }
  }
  for (const dim of dimsOf(measure)) {
    if (!(chosen.places[dim.name] < dim.values.length)) chosen.places[dim.name] = 0;
  }
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function choice(title, id, options, value, change) {
  const select = element("select", { id, onchange: (event) => { change(event.target.value); show(); } });
  for (const [key, label] of options) select.append(element("option", { value: key, selected: key === value }, label));
  return element("label", {}, title, select);
}

function slider(dim) {
  const place = chosen.places[dim.name];
  const said = element("output", {}, text(dim.values[place]));
  const input = element("input", {
    type: "range", id: `at-${dim.name}`, min: 0, max: dim.values.length - 1, step: 1, value: place,
    oninput: (event) => {
      chosen.places[dim.name] = Number(event.target.value);
      said.textContent = text(dim.values[chosen.places[dim.name]]);
      draw();
    },
  });
  return element("label", { className: "slider" }, dim.label, said, input);
}

function controls() {
  const measure = measureOf(), found = axes(measure), form = document.getElementById("controls");
  const named = (axis) => [axis.name, axis.label];
  const focus = document.activeElement && document.activeElement.id;
  form.replaceChildren(choice("measure", "what", DATA.measures.map(named), chosen.measure, (v) => { chosen.measure = v; }));
  if (found.length) form.append(choice("along x", "x", found.map(named), chosen.x, (v) => { chosen.x = v; }));
  const others = found.filter((axis) => axis.name !== chosen.x && isParameter(axis.name) === isParameter(chosen.x));
  if (others.length) {
    const title = { curves: "a line for each", map: "along y", points: "colour" }[chosen.kind];
    const options = [...(chosen.kind === "map" ? [] : [[NONE, "–"]]), ...others.map(named)];
    form.append(choice(title, "second", options, chosen.second, (v) => { chosen.second = v; }));
    if (chosen.kind !== "points") {
      form.append(choice("as", "kind", [["curves", "curves"], ["map", "map"]], chosen.kind, (v) => { chosen.kind = v; }));
    }
  }
  for (const dim of dimsOf(measure)) {
    const along = isParameter(chosen.x) && dim.name === "run";
    if (!long(dim) || along || dim.name === chosen.x || dim.name === chosen.second) continue;
    if (dim.numeric) form.append(slider(dim));
    else {
      const options = dim.values.map((value, place) => [String(place), text(value)]);
      const change = (v) => { chosen.places[dim.name] = Number(v); };
      form.append(choice(dim.label, `at-${dim.name}`, options, String(chosen.places[dim.name]), change));
    }
  }
  if (focus && document.getElementById(focus)) document.getElementById(focus).focus();
}

// Mean, standard deviation and number over the replicates, for each place on the first dimension and the second.
function averaged(measure, first, second) {
  const dims = dimsOf(measure), data = valuesOf(measure), strides = new Array(dims.length);
  let size = 1;
  for (let i = dims.length - 1; i >= 0; i--) { strides[i] = size; size *= dims[i].values.length; }
  const at = (name) => dims.findIndex((dim) => dim.name === name);
  let start = 0;
  const inner = [];
  dims.forEach((dim, i) => {
    if (dim.replicate) inner.push([dim.values.length, strides[i]]);
    else if (dim.name !== first && dim.name !== second) start += chosen.places[dim.name] * strides[i];
  });
  let offsets = [0];
  for (const [count, stride] of inner) {
    offsets = offsets.flatMap((offset) => Array.from({ length: count }, (_, i) => offset + i * stride));
  }
  const along = (name) => (name ? Array.from(dims[at(name)].values, (_, i) => i * strides[at(name)]) : [0]);
  return along(second).map((row) => along(first).map((column) => {
    let n = 0, sum = 0, squares = 0;
    for (const offset of offsets) {
      const value = data[start + row + column + offset];
      if (value === value) { n += 1; sum += value; squares += value * value; }
    }
    const mean = n ? sum / n : null;
    return { mean, sd: n > 1 ? Math.sqrt(Math.max(0, (squares - sum * mean) / (n - 1))) : 0, n };
  }));
}

const axisStyle = (label, more = {}) => ({ title: { text: label, standoff: 8 }, automargin: true, linecolor: "#444",
  ticks: "outside", gridcolor: "#eee", zeroline: false, ...more });
const layoutOf = (x, y, more = {}) => ({ xaxis: x, yaxis: y, margin: { l: 60, r: 12, t: 12, b: 48 }, hovermode: "closest",
  font: { size: 12, color: "#222" }, paper_bgcolor: "#fff", plot_bgcolor: "#fff", ...more });
const spread = (values) => values.length > 3 && Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) >= 20;
const scaled = (axis) => (!axis.numeric ? { type: "category" } : spread(axis.values) ? { type: "log" } : {});

function few(count, most = MANY_LINES) {
  if (count <= most) return Array.from({ length: count }, (_, i) => i);
  return [...new Set(Array.from({ length: most }, (_, i) => Math.round((i * (count - 1)) / (most - 1))))];
}

// An axis of a map: cells of equal size, a few of them with their values.
const gap = (axis) => (axis.values.length <= MANY_CELLS ? 1 : 0);
const ticked = (axis) => ({ type: "category", showgrid: false, tickmode: "array",
  tickvals: few(axis.values.length, narrow() ? 5 : 10).map((place) => text(axis.values[place])) });

function shade(place, count) {
  const stops = [[68, 1, 84], [59, 82, 139], [33, 144, 141], [93, 200, 99], [180, 200, 40]];
  const at = count > 1 ? (place / (count - 1)) * (stops.length - 1) : 0, low = Math.min(Math.floor(at), stops.length - 2);
  return `rgb(${stops[low].map((value, i) => Math.round(value + (stops[low + 1][i] - value) * (at - low))).join(",")})`;
}

function curves(measure) {
  const found = axes(measure), x = found.find((axis) => axis.name === chosen.x);
  const second = found.find((axis) => axis.name === chosen.second), rows = averaged(measure, chosen.x, chosen.second);
  const shown = second ? few(second.values.length) : [0], traces = [];
  const [low, high] = measure.range || [null, null];
  const clipped = (value) => (low !== null && value < low ? low : high !== null && value > high ? high : value);
  const xs = x ? Array.from(x.values) : [""];
  shown.forEach((row, number) => {
    const of = rows[row], numeric = second && second.numeric;
    const colour = second ? (numeric ? shade(number, shown.length) : COLOURS[number % COLOURS.length]) : COLOURS[0];
    const name = second ? text(second.values[row]) : "";
    const known = xs.map((_, i) => i).filter((i) => of[i].mean !== null);
    if (known.some((i) => of[i].n > 1) && x && x.numeric && known.length > 1) {
      traces.push({ x: [...known, ...[...known].reverse()].map((i) => xs[i]), type: "scatter", mode: "lines", fill: "toself",
        y: [...known.map((i) => clipped(of[i].mean + of[i].sd)), ...[...known].reverse().map((i) => clipped(of[i].mean - of[i].sd))],
        fillcolor: colour, opacity: 0.18, line: { width: 0 }, hoverinfo: "skip", showlegend: false, legendgroup: name });
    }
    const bars = !(x && x.numeric) && of.some((one) => one.n > 1);
    traces.push({ x: xs, y: of.map((one) => one.mean), type: "scatter", mode: xs.length > 60 ? "lines" : "lines+markers", name,
      legendgroup: name, line: { color: colour, width: 2 }, marker: { color: colour, size: 6 }, customdata: xs.map((_, i) => [i, row]),
      error_y: bars ? { type: "data", array: of.map((one) => one.sd), color: colour } : undefined,
      text: of.map((one) => (one.n > 1 ? `± ${text(one.sd)} (n = ${one.n})` : "")), hovertemplate: "%{x}: %{y:.4g} %{text}<extra>%{fullData.name}</extra>" });
  });
  const layout = layoutOf(axisStyle(x ? x.label : "", x ? scaled(x) : {}), axisStyle(measure.label, { rangemode: "tozero" }), {
    showlegend: Boolean(second), legend: { title: { text: second ? second.label : "" }, orientation: narrow() ? "h" : "v", y: narrow() ? -0.3 : 1 } });
  const part = second && shown.length < second.values.length ? `; ${shown.length} of ${second.values.length} lines` : "";
  return [traces, layout, `${over("mean, band: ± s.d.,")}${part}`];
}

function map(measure) {
  const found = axes(measure), x = found.find((axis) => axis.name === chosen.x), y = found.find((axis) => axis.name === chosen.second);
  const rows = averaged(measure, chosen.x, chosen.second);
  const label = (axis) => Array.from(axis.values, text);
  const trace = { type: "heatmap", x: label(x), y: label(y), z: rows.map((row) => row.map((one) => one.mean)), colorscale: "Viridis",
    colorbar: { title: { text: measure.label, side: "right" }, thickness: 14 }, xgap: gap(x), ygap: gap(y), hoverongaps: false,
    hovertemplate: `${x.label} %{x}<br>${y.label} %{y}<br>%{z:.4g}<extra></extra>` };
  const layout = layoutOf(axisStyle(x.label, ticked(x)), axisStyle(y.label, ticked(y)), { plot_bgcolor: "#e6e6e6" });
  return [[trace], layout, `${over("mean")}; cells of equal size, grey where there is no value`];
}

function points(measure) {
  const x = DATA.parameters.find((one) => one.name === chosen.x), colour = DATA.parameters.find((one) => one.name === chosen.second);
  const means = averaged(measure, "run", NONE)[0].map((one) => one.mean), count = means.length;
  const size = Math.max(2, Math.min(7, 4000 / count));
  const marker = colour && colour.numeric
    ? { color: Array.from(colour.values), colorscale: "Viridis", size, colorbar: { title: { text: colour.label, side: "right" }, thickness: 14 } }
    : { color: COLOURS[0], size, opacity: count > 2000 ? 0.5 : 0.8 };
  const trace = { type: count > MANY_POINTS ? "scattergl" : "scatter", mode: "markers", x: Array.from(x.values), y: means, marker,
    customdata: means.map((_, i) => [i, 0]), hovertemplate: `${x.label} %{x}<br>%{y:.4g}<extra></extra>` };
  return [[trace], layoutOf(axisStyle(x.label, scaled(x)), axisStyle(measure.label)), `${count.toLocaleString("en")} points, ${over("mean")}`];
}

// Over what is averaged, and at which values the picture stands.
function over(what) {
  const measure = measureOf();
  const replicates = DATA.dims.filter((dim) => dim.replicate && dim.values.length > 1).map((dim) => `${dim.values.length} ${dim.name}s`);
  const rest = dimsOf(measure).filter((dim) => long(dim) && dim.name !== chosen.x && dim.name !== chosen.second && !(isParameter(chosen.x) && dim.name === "run"));
  const places = rest.map((dim) => `${dim.label.replace(/ \(.*\)$/, "")} ${text(dim.values[chosen.places[dim.name]])}`);
  return [replicates.length ? `${what} over ${replicates.join(" × ")}` : "one run at each point", ...places].join(", ");
}

const narrow = () => window.innerWidth < 640;

function draw() {
  const measure = measureOf();
  const [traces, layout, said] = { curves, map, points }[chosen.kind](measure);
  const target = document.getElementById("picture");
  if (!traces.some((trace) => (trace.z ? trace.z.flat() : trace.y).some((value) => value !== null))) {
    layout.annotations = [{ text: "no value here: see the status below", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }];
  }
  Plotly.react(target, traces, layout, CONFIG).then(() => {
    target.removeAllListeners("plotly_click");
    target.on("plotly_click", clicked);
    document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1);
  });
  const about = measure.comment ? ` ${measure.long_name}: ${measure.comment}.` : "";
  document.getElementById("caption").textContent = `${said}.${about}${measure.references ? ` ${measure.references}.` : ""}`;
}

function show() {
  settle();
  controls();
  draw();
  nearest();
}

function clicked(event) {
  const point = event.points[0];
  if (chosen.kind === "map") {
    chosen.places[chosen.x] = point.pointIndex[1];
    chosen.places[chosen.second] = point.pointIndex[0];
  } else if (point.customdata) {
    const [first, row] = point.customdata;
    chosen.places[isParameter(chosen.x) ? "run" : chosen.x] = first;
    if (chosen.second && !isParameter(chosen.second)) chosen.places[chosen.second] = row;
  }
  nearest();
}

// Show the run, of those that the page holds, that lies nearest to the chosen place.
function nearest() {
  document.getElementById("one").hidden = DATA.runs.length === 0;
  if (DATA.runs.length === 0) return;
  const apart = (run) => DATA.dims.reduce((sum, dim, i) => sum + (dim.replicate ? 0 : Math.abs(run.place[i] - (chosen.places[dim.name] || 0)) / Math.max(1, dim.values.length - 1)), 0);
  const run = DATA.runs.reduce((best, one) => (apart(one) < apart(best) ? one : best));
  document.getElementById("which").textContent = `${run.label}${run.status === "ok" ? "" : `, ${run.status}`}. ` +
    `${DATA.runs.length} of ${DATA.planned.toLocaleString("en")} runs are in this page; a click into the picture above shows the nearest.`;
  const times = decoded(run.spike_time, Float32Array), cells = decoded(run.spike_cell, Int32Array);
  let first = 0;
  const rasters = Object.entries(run.populations).map(([name, count], number) => {
    const mine = Array.from(cells.keys()).filter((i) => cells[i] >= first && cells[i] < first + count);
    first += count;
    return { type: mine.length > MANY_SPIKES ? "scattergl" : "scatter", mode: "markers", name, x: mine.map((i) => times[i]), y: mine.map((i) => cells[i]),
      marker: { color: COLOURS[number % COLOURS.length], size: mine.length > 5000 ? 2 : 4 }, hovertemplate: "%{x} ms, cell %{y}<extra></extra>" };
  });
  const time = { range: [0, run.duration] };
  const several = rasters.length > 1;
  const cell = { range: [-0.5, first - 0.5], tickformat: "d", ...(first < 6 ? { dtick: 1 } : {}) };
  const silent = times.length ? [] : [{ text: "no spikes", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }];
  Plotly.react("raster", rasters, layoutOf(axisStyle("", time), axisStyle("cell", cell), { annotations: silent, showlegend: several, legend: { orientation: "h", y: 1.12 } }), CONFIG);
  const potential = run.lines.map((line, number) => ({ type: "scatter", mode: "lines", name: line.name, x: Array.from(decoded(line.data, Float32Array), (_, i) => i * line.interval),
    y: Array.from(decoded(line.data, Float32Array), (value) => (value === value ? value : null)), line: { color: COLOURS[number % COLOURS.length], width: 1.2 } }));
  Plotly.react("potential", potential, layoutOf(axisStyle("time (ms)", time), axisStyle(DATA.potential), { showlegend: potential.length > 1, legend: { orientation: "h", y: 1.15 } }), CONFIG);
}

function describe() {
  const state = document.getElementById("state");
  state.textContent = DATA.state;
  state.classList.toggle("lost", DATA.shortfall !== "");
  document.getElementById("lost").textContent = DATA.shortfall || "Every planned run is ok.";
  for (const [name, value] of DATA.facts) {
    document.getElementById("facts").append(element("tr", {}, element("th", {}, name), element("td", {}, value)));
  }
  document.getElementById("configuration").textContent = DATA.configuration;
}

// Begin where most spikes are, of the runs that the page holds.
if (DATA.runs.length) {
  const liveliest = DATA.runs.reduce((best, run) => (run.spike_time.length > best.spike_time.length ? run : best));
  DATA.dims.forEach((dim, i) => { if (!dim.replicate) chosen.places[dim.name] = liveliest.place[i]; });
}
describe();
show();
