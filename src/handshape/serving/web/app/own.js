/** Values by names that users chose: some are also those of what every object has, such as "constructor". */

/**
 * @param {Object|null|undefined} object
 * @param {string|null} name
 * @returns {*} undefined where the object itself has none of this name
 */
export function ownValue(object, name) {
  return object && Object.hasOwn(object, name) ? object[name] : undefined;
}
