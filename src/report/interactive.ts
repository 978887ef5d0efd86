/** Tooltips and zoom for a figure's Vega-Lite specification: the drawing itself stays as it is. */
type Node = Readonly<Record<string, unknown>>;

interface Surroundings {
  readonly encoding: Node;
  readonly rows: number;
  /** Channels whose scale is this view's own, or moves with all panels of its facet. */
  readonly zoom: readonly string[];
}

export interface InteractiveSpec {
  readonly spec: Node;
  /** How many of its views can be moved and zoomed. */
  readonly zooms: number;
}

/** Beyond this a point for every datum would make the page slow. */
const MAX_POINTS = 4000;
const POINTED = new Set(["point", "circle", "square", "tick", "bar", "rect", "arc", "image", "boxplot"]);
const POSITIONS = ["x", "y"] as const;
const TOLD = ["x", "y", "color", "fill", "stroke", "shape", "size", "strokeDash", "opacity", "detail"] as const;

const PLAIN = {
  color: { value: "#000000" },
  fill: { value: "#000000" },
  stroke: { value: null },
  shape: { value: "circle" },
  size: { value: 90 },
  strokeWidth: { value: 0 },
  opacity: { value: 0 },
} as const;

export function makeInteractive(spec: Node, datasets: Readonly<Record<string, readonly unknown[]>>): InteractiveSpec {
  let zooms = 0;

  const zoomParam = (channels: readonly string[]): Node => ({
    name: `zoom${zooms++}`,
    select: {
      type: "interval",
      encodings: channels,
      // By mouse alone, and with a key for the wheel: the page itself has to scroll.
      translate: "[mousedown[event.button === 0], window:mouseup] > window:mousemove!",
      zoom: "wheel![event.ctrlKey || event.metaKey]",
      clear: "dblclick",
    },
    bind: "scales",
  });

  const visit = (node: Node, around: Surroundings): Node => {
    const own: Surroundings = {
      ...around,
      encoding: { ...around.encoding, ...mapping(node.encoding) },
      rows: rowsOf(node, datasets) ?? around.rows,
    };
    for (const key of ["concat", "hconcat", "vconcat"]) {
      const list = node[key];
      if (!isList(list)) continue;
      // A scale that several views share would need one selection for all of them.
      const inner = { ...own, zoom: own.zoom.filter((channel) => resolution(node, channel) !== "shared") };
      return { ...node, [key]: list.map((child) => visit(mapping(child), inner)) };
    }
    if (isMapping(node.spec)) {
      // A facet's panels move together, which needs one scale; a repeated view has other fields each time.
      const moved = own.zoom.filter((channel) => resolution(node, channel) !== "independent");
      const zoom = "facet" in node ? moved : [];
      return { ...node, spec: visit(node.spec, { ...own, zoom }) };
    }
    if (isList(node.layer)) return visitLayer(node, node.layer.map(mapping), own);
    if (node.mark === undefined) return node;
    const unit = withTooltip(node);
    const overlay = overlayOf(node, own);
    const channels = continuous(own.encoding).filter((channel) => own.zoom.includes(channel));
    if (overlay === undefined) return zoomed(unit, channels);
    const { mark, encoding, params, ...view } = unit;
    const first = {
      mark,
      ...(encoding === undefined ? {} : { encoding }),
      ...(params === undefined ? {} : { params }),
    };
    const { data: _, transform: __, ...marks } = overlay;
    return { ...view, layer: [zoomed(first, channels), marks] };
  };

  const zoomed = (unit: Node, channels: readonly string[]): Node => {
    const params = isList(unit.params) ? unit.params : [];
    return channels.length === 0 || params.length > 0 ? unit : { ...unit, params: [zoomParam(channels)] };
  };

  const visitLayer = (node: Node, children: readonly Node[], own: Surroundings): Node => {
    const zoom = own.zoom.filter((channel) => resolution(node, channel) !== "independent");
    const layers: Node[] = [];
    let done = zoom.length === 0;
    for (const child of children) {
      if (child.mark === undefined) {
        layers.push(
          isList(child.layer) ? visitLayer(child, child.layer.map(mapping), { ...inner(child, own), zoom: [] }) : child,
        );
        continue;
      }
      const channels = done ? [] : continuous({ ...own.encoding, ...mapping(child.encoding) });
      // The selection belongs to the first layer that has both scales, and holds for all.
      if (channels.length === 2) {
        layers.push(
          zoomed(
            withTooltip(child),
            channels.filter((channel) => zoom.includes(channel)),
          ),
        );
        done = true;
      } else {
        layers.push(withTooltip(child));
      }
    }
    for (const child of children) {
      const overlay = child.mark === undefined ? undefined : overlayOf(child, inner(child, own));
      if (overlay !== undefined) layers.push(overlay);
    }
    return { ...node, layer: layers };
  };

  const inner = (child: Node, own: Surroundings): Surroundings => ({
    ...own,
    encoding: { ...own.encoding, ...mapping(child.encoding) },
    rows: rowsOf(child, datasets) ?? own.rows,
  });

  const result = visit(spec, { encoding: {}, rows: 0, zoom: POSITIONS });
  return { spec: result, zooms };
}

function withTooltip(unit: Node): Node {
  const mark = typeof unit.mark === "string" ? { type: unit.mark } : mapping(unit.mark);
  if ("tooltip" in mark || "tooltip" in mapping(unit.encoding)) return unit;
  if (POINTED.has(String(mark.type))) return { ...unit, mark: { ...mark, tooltip: true } };
  // A curve that has points already.
  if (mark.point === undefined || mark.point === false) return unit;
  const point = mark.point === "transparent" ? { opacity: 0 } : mapping(mark.point);
  return { ...unit, mark: { ...mark, point: { ...point, tooltip: true } } };
}

/** Invisible points on a curve, for its tooltips: a line is one item and would tell its first datum everywhere. */
function overlayOf(unit: Node, { encoding, rows }: Surroundings): Node | undefined {
  const mark = typeof unit.mark === "string" ? { type: unit.mark } : mapping(unit.mark);
  if ((mark.type !== "line" && mark.type !== "trail") || mark.strokeWidth === 0 || mark.point !== undefined)
    return undefined;
  if (rows > MAX_POINTS || "tooltip" in encoding) return undefined;
  const told = TOLD.flatMap((channel) => {
    const { field, type = "quantitative", title, aggregate, bin, timeUnit } = mapping(encoding[channel]);
    if (typeof field !== "string" || aggregate !== undefined || bin !== undefined || timeUnit !== undefined) return [];
    return [{ field, type, title: typeof title === "string" ? title : field }];
  });
  const positions = POSITIONS.map((channel) => mapping(encoding[channel]));
  if (
    positions.some(
      ({ field, aggregate, bin }) => typeof field !== "string" || aggregate !== undefined || bin !== undefined,
    )
  )
    return undefined;
  if (["row", "column", "facet"].some((channel) => channel in encoding)) return undefined;
  const own = mapping(unit.encoding);
  const placed = Object.fromEntries(
    POSITIONS.filter((channel) => channel in own).map((channel) => [channel, own[channel]]),
  );
  const unique = told.filter(({ field }, index) => told.findIndex((other) => other.field === field) === index);
  return {
    ...(unit.data === undefined ? {} : { data: unit.data }),
    ...(unit.transform === undefined ? {} : { transform: unit.transform }),
    mark: { type: "point", filled: true, shape: "circle", size: 90, opacity: 0, clip: true },
    encoding: {
      ...placed,
      // What the layers share would colour the points, and an invisible symbol would enter the legend.
      ...Object.fromEntries(Object.entries(PLAIN).filter(([channel]) => channel in encoding)),
      tooltip: unique,
    },
  };
}

/** Of x and y those with a continuous scale over plain fields. */
function continuous(encoding: Node): string[] {
  return POSITIONS.filter((channel) => {
    const { field, type, bin, aggregate, scale } = mapping(encoding[channel]);
    const plain = typeof field === "string" && (bin === undefined || bin === false) && aggregate === undefined;
    return plain && (type === "quantitative" || type === "temporal") && scale !== null;
  });
}

function rowsOf(node: Node, datasets: Readonly<Record<string, readonly unknown[]>>): number | undefined {
  const { name, values } = mapping(node.data);
  if (Array.isArray(values)) return values.length;
  return typeof name === "string" ? datasets[name]?.length : undefined;
}

function resolution(node: Node, channel: string): unknown {
  return mapping(mapping(node.resolve).scale)[channel];
}

function mapping(value: unknown): Node {
  return isMapping(value) ? value : {};
}

function isMapping(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
