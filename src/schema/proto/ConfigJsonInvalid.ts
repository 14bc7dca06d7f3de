/** What a load override that cannot be read says of itself. */
import { Schema } from "effect"

/** The JSON given for a config is none, or no `ModelConfig`. @category errors */
export class ConfigJsonInvalid extends Schema.TaggedError<ConfigJsonInvalid>()("ConfigJsonInvalid", {
  /** The place, such as `input[0].dims[1]`; `""` for the whole text. */
  path: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `Invalid config override: ${this.path === "" ? "" : `${this.path}: `}${this.detail}`
  }
}
