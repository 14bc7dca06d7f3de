/** Makes elements, and changes only what is different from before. */

/** @typedef {string | number | Node | null | undefined | false | ReadonlyArray<string | number | Node | null | undefined | false>} Child */

const svgTags = new Set(["svg", "path", "line", "rect", "g", "circle", "defs", "linearGradient", "stop"])

/**
 * An element with attributes, listeners (`onclick`) and children. An attribute that is `false` or `undefined` is left out.
 *
 * @param {string} tag
 * @param {Readonly<Record<string, string | number | boolean | undefined | ((event: Event) => void)>>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export const h = (tag, attributes = {}, ...children) => {
  const element = svgTags.has(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value)
    else set(element, name, value)
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child))
    }
  }
  // Those of SVG are only ever put into a parent.
  return /** @type {HTMLElement} */ (element)
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | undefined} value
 */
export const set = (element, name, value) => {
  if (value === undefined || value === false) element.removeAttribute(name)
  else {
    const text = value === true ? "" : String(value)
    if (element.getAttribute(name) !== text) element.setAttribute(name, text)
  }
}

/**
 * @param {Element} element
 * @param {string} text
 */
export const say = (element, text) => {
  if (element.textContent !== text) element.textContent = text
}

/**
 * An element of the page by its id.
 *
 * @template {HTMLElement} [A=HTMLElement]
 * @param {string} id
 * @returns {A}
 */
export const byId = (id) => {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`The page has no element #${id}`)
  return /** @type {A} */ (element)
}

/**
 * Makes the children of an element those of the items, in their order; what is there already stays the same element, so that
 * focus and choice stay where they are.
 *
 * @template Item
 * @param {Element} parent
 * @param {ReadonlyArray<Item>} items
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => HTMLElement} make
 * @param {(element: HTMLElement, item: Item) => void} update
 */
export const keyed = (parent, items, keyOf, make, update = () => {}) => {
  /** @type {Map<string, HTMLElement>} */
  const before = new Map()
  for (const child of parent.children) {
    if (child instanceof HTMLElement) before.set(child.dataset["key"] ?? "", child)
  }
  /** @type {Element | null} */
  let next = parent.firstElementChild
  for (const item of items) {
    const key = keyOf(item)
    let element = before.get(key)
    if (element === undefined) {
      element = make(item)
      element.dataset["key"] = key
    } else before.delete(key)
    update(element, item)
    if (element === next) next = next.nextElementSibling
    else parent.insertBefore(element, next)
  }
  for (const element of before.values()) element.remove()
}
