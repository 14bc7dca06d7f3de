/** What a panel of the dashboard is made of, and the JSON that Grafana takes for it. */

/** How numbers are written. Source: Grafana's names of units. */
export type Unit = "reqps" | "short" | "s" | "percentunit" | "bytes" | "ops" | "none"

/** One question to Prometheus. */
export interface Query {
  /** PromQL with Grafana's variables in it. */
  readonly expr: string
  /** What a series is called, with `{{label}}` for a label. */
  readonly legend: string
}

/** One panel, in the words of this dashboard. */
export interface Panel {
  readonly title: string
  /** Says what it means and what to do about it. */
  readonly description: string
  readonly kind: "timeseries" | "stat" | "heatmap"
  readonly unit: Unit
  /** In Grafana's columns: 24 of them. */
  readonly width: number
  readonly queries: ReadonlyArray<Query>
  /** Shows requests as points that lead to their traces. */
  readonly exemplars?: boolean
  /** Areas on top of each other. */
  readonly stacked?: boolean
  /** Largest value of the axis. */
  readonly max?: number
}

/** Panels under one heading. */
export interface Row {
  readonly title: string
  readonly panels: ReadonlyArray<Panel>
  /** Closed when the dashboard is opened. */
  readonly collapsed?: boolean
}

const heights = { timeseries: 8, stat: 4, heatmap: 8 } as const

const datasource = { type: "prometheus", uid: "${datasource}" }

const options = {
  timeseries: {
    legend: { displayMode: "list", placement: "bottom", showLegend: true },
    tooltip: { mode: "multi", sort: "desc" }
  },
  stat: {
    colorMode: "none",
    graphMode: "area",
    justifyMode: "auto",
    reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
    textMode: "auto"
  },
  heatmap: {
    calculate: false,
    cellGap: 1,
    color: { exponent: 0.5, mode: "scheme", scheme: "Oranges", steps: 64 },
    legend: { show: true },
    tooltip: { mode: "single", yHistogram: false }
  }
} as const

const custom = (panel: Panel) =>
  panel.kind === "timeseries"
    ? {
      drawStyle: "line",
      fillOpacity: panel.stacked === true ? 30 : 0,
      lineWidth: 1,
      showPoints: "never",
      spanNulls: false,
      stacking: { group: "A", mode: panel.stacked === true ? "normal" : "none" }
    }
    : {}

const targets = (panel: Panel) =>
  panel.queries.map(({ expr, legend }, index) => ({
    datasource,
    editorMode: "code",
    exemplar: panel.exemplars === true,
    expr,
    format: panel.kind === "heatmap" ? "heatmap" : "time_series",
    legendFormat: legend,
    range: true,
    refId: String.fromCharCode(65 + index)
  }))

/** The panel as Grafana takes it, at a place. */
const json = (panel: Panel, id: number, x: number, y: number) => ({
  datasource,
  description: panel.description,
  fieldConfig: {
    defaults: {
      custom: custom(panel),
      min: 0,
      ...(panel.max === undefined ? {} : { max: panel.max }),
      unit: panel.unit
    },
    overrides: []
  },
  gridPos: { h: heights[panel.kind], w: panel.width, x, y },
  id,
  options: panel.kind === "heatmap"
    ? { ...options.heatmap, yAxis: { axisPlacement: "left", unit: panel.unit } }
    : options[panel.kind],
  targets: targets(panel),
  title: panel.title,
  type: panel.kind
})

/** All rows, laid out from the left to the right and from the top to the bottom. */
export const layOut = (rows: ReadonlyArray<Row>): ReadonlyArray<unknown> => {
  const laid: Array<unknown> = []
  let id = 0
  let y = 0
  for (const row of rows) {
    const top = y++
    const panels: Array<unknown> = []
    let x = 0
    let tallest = 0
    const rowId = ++id
    for (const panel of row.panels) {
      if (x + panel.width > 24) {
        x = 0
        y += tallest
        tallest = 0
      }
      panels.push(json(panel, ++id, x, y))
      x += panel.width
      tallest = Math.max(tallest, heights[panel.kind])
    }
    y += tallest
    const collapsed = row.collapsed === true
    laid.push({
      collapsed,
      gridPos: { h: 1, w: 24, x: 0, y: top },
      id: rowId,
      panels: collapsed ? panels : [],
      title: row.title,
      type: "row"
    })
    if (collapsed) y = top + 1
    else laid.push(...panels)
  }
  return laid
}
