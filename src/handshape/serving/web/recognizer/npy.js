/** NumPy's files. */

const HEADER = /'descr':\s*'<f4'.*'fortran_order':\s*(True|False).*'shape':\s*\(([\d,\s]*)\)/;

/**
 * An array of float32, with the lengths of its axes.
 *
 * @param {ArrayBuffer} content of an .npy file
 * @returns {{values: Float32Array, shape: number[]}}
 * @throws {Error} where it is something else
 */
export function readNpy(content) {
  const view = new DataView(content);
  const isOld = view.getUint8(6) === 1; // version 1 tells the header's length in two bytes
  const start = isOld ? 10 : 12, length = isOld ? view.getUint16(8, true) : view.getUint32(8, true);
  const found = HEADER.exec(new TextDecoder("latin1").decode(new Uint8Array(content, start, length)));
  if (!found || found[1] === "True") throw new Error("not an .npy file of float32 in C order");
  const shape = found[2].split(",").map((word) => word.trim()).filter(Boolean).map(Number);
  const count = shape.reduce((one, other) => one * other, 1);
  return { values: new Float32Array(content.slice(start + length, start + length + 4 * count)), shape };
}
