/** What the dashboard and the rules ask of Prometheus. */
import { readFileSync } from "node:fs"

const otel = new URL("../../../otel/", import.meta.url)

/** Text of a file of `otel/`. */
export const file = (name: string): string => readFileSync(new URL(name, otel), "utf8")

/** Something that is asked, and where. */
export interface Expression {
  readonly where: string
  readonly text: string
}

interface Variable {
  readonly name: string
  readonly definition?: string
}

interface Panel {
  readonly title: string
  readonly targets?: ReadonlyArray<{ readonly expr: string }>
  readonly panels?: ReadonlyArray<Panel>
}

interface Dashboard {
  readonly annotations: { readonly list: ReadonlyArray<{ readonly name: string; readonly expr: string }> }
  readonly panels: ReadonlyArray<Panel>
  readonly templating: { readonly list: ReadonlyArray<Variable> }
}

const ofPanels = (panels: ReadonlyArray<Panel>, row: string): ReadonlyArray<Expression> => {
  let heading = row
  return panels.flatMap(({ panels = [], targets = [], title }) => {
    if (targets.length === 0) heading = title
    return [
      ...targets.map(({ expr }) => ({ where: `${heading} / ${title}`, text: expr })),
      ...ofPanels(panels, heading)
    ]
  })
}

/** All that the dashboard asks, with Grafana's variables in it. */
export const dashboard = (): ReadonlyArray<Expression> => {
  const { annotations, panels, templating } = JSON.parse(file("grafana/galatea.json")) as Dashboard
  return [
    ...ofPanels(panels, ""),
    ...annotations.list.map(({ expr, name }) => ({ where: `annotation ${name}`, text: expr })),
    ...templating.list.flatMap(({ definition, name }) => {
      const series = definition === undefined ? null : /^label_values\((.+), (\w+)\)$/.exec(definition)
      return series === null ? [] : [{ where: `variable ${name}`, text: `group by (${series[2]}) (${series[1]})` }]
    })
  ]
}

/** With everything chosen, over the last minute. */
export const chosen = (text: string): string =>
  text.replaceAll(/\$__\w*interval/g, "1m").replaceAll(/\$(?:job|instance|model|version)/g, ".*")

/** Without what it compares with a number: an alert has no sample while all is well. */
export const unbounded = (text: string): string => text.replaceAll(/\s(?:[<>]=?|[=!]=) -?[\d.]+/g, "")
