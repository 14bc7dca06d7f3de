/** The dashboard as Grafana imports it. */
import { layOut } from "./Panel.ts"
import { rows } from "./rows.ts"

const datasource = { type: "prometheus", uid: "${datasource}" }

/** A choice among the values of a label. */
const choice = (name: string, query: string) => ({
  allValue: ".*",
  current: { selected: true, text: ["All"], value: ["$__all"] },
  datasource,
  definition: query,
  includeAll: true,
  multi: true,
  name,
  query: { query, refId: name },
  refresh: 2,
  sort: 1,
  type: "query"
})

/** @category constants */
export const dashboard = {
  annotations: {
    list: [{
      datasource,
      enable: true,
      expr: `changes(process_start_time_seconds{job=~"$job", instance=~"$instance"}[$__interval]) > 0`,
      iconColor: "orange",
      name: "Starts",
      step: "15s",
      titleFormat: "{{instance}} was started"
    }]
  },
  description: "Galatea: throughput, latency by phase, batches, queues, rejections, cache, instances, sequences.",
  editable: true,
  graphTooltip: 1,
  links: [],
  panels: layOut(rows),
  refresh: "10s",
  schemaVersion: 39,
  tags: ["galatea", "inference"],
  templating: {
    list: [
      {
        current: {},
        includeAll: false,
        multi: false,
        name: "datasource",
        query: "prometheus",
        refresh: 1,
        type: "datasource"
      },
      // One at a time: a server may be scraped and push as well, and then is in two.
      { ...choice("job", "label_values(galatea_heap_used_bytes, job)"), current: {}, includeAll: false, multi: false },
      choice("instance", `label_values(galatea_heap_used_bytes{job=~"$job"}, instance)`),
      choice("model", `label_values(galatea_pending_requests{job=~"$job", instance=~"$instance"}, model)`),
      choice(
        "version",
        `label_values(galatea_pending_requests{job=~"$job", instance=~"$instance", model=~"$model"}, version)`
      )
    ]
  },
  time: { from: "now-30m", to: "now" },
  timezone: "browser",
  title: "Galatea",
  uid: "galatea",
  version: 1
}
