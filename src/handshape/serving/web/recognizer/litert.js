/**
 * Networks on LiteRT in WebAssembly: the one place that knows the runtime's own objects.
 *
 * The runtime's wrapper for pages is left out: it looks for a graphics processor first, cannot be imported without a
 * bundler, and copies what a network is given and answers once more. What it stands on does without all that.
 */

const PLAIN = "litert_wasm_internal";
const COMPATIBLE = "litert_wasm_compat_internal"; // for browsers without relaxed SIMD
const THREADED = "litert_wasm_threaded_internal";
const THREADS = 2; // together they take half as long as one

/** A module whose one function swizzles bytes as only relaxed SIMD does. */
const RELAXED_SIMD = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0], // magic number, version
  ...[1, 4, 1, 96, 0, 0], // one type: nothing to nothing
  ...[3, 2, 1, 0], // one function of that type
  ...[10, 16, 1, 14, 0, 65, 0, 253, 15, 65, 0, 253, 15, 253, 128, 2, 26, 11], // splat, splat, relaxed_swizzle, drop
);

/** Whether WebAssembly can run here; a page's rules may forbid it. */
export function canRun() {
  return typeof WebAssembly === "object" && typeof WebAssembly.validate === "function";
}

/** How many cores may work on a frame; threads share memory only on pages that are isolated from others. */
export function usableThreads() {
  return globalThis.crossOriginIsolated && navigator.hardwareConcurrency > 1 ? THREADS : 1;
}

/**
 * The runtime, ready to load networks.
 *
 * @param {URL} folder where its files are
 * @param {number} [threads] cores it may use
 * @returns {Promise<Runtime>}
 */
export async function openRuntime(folder, threads = usableThreads()) {
  const name = WebAssembly.validate(RELAXED_SIMD) ? (threads > 1 ? THREADED : PLAIN) : COMPATIBLE;
  const script = new URL(`${name}.js`, folder);
  const factory = await factoryOf(script.href);
  const module = await factory({
    locateFile: (file) => new URL(file, folder).href,
    mainScriptUrlOrBlob: script.href,
    print: () => {},
    printErr: () => {}, // the runtime greets, and tells which delegates it made
  });
  return new Runtime(module, threads);
}

/** What a script of the runtime defines. It is written for AMD loaders too, and a module can be one. */
async function factoryOf(script) {
  let factory = null;
  globalThis.define = Object.assign((_, make) => (factory = make()), { amd: true });
  try {
    await import(script);
  } finally {
    delete globalThis.define;
  }
  return factory;
}

class Runtime {
  constructor(module, threads) {
    this.module = module;
    this.threads = threads;
    this.environment = module.LiteRtEnvironment.create(null);
  }

  /**
   * A network ready to run.
   *
   * @param {Uint8Array} content the bytes of a .tflite file whose batch size is 1
   * @returns {Promise<Network>}
   */
  async load(content) {
    const { module, environment } = this;
    const place = module._malloc(content.byteLength);
    module.HEAPU8.set(content, place);
    const model = module.loadModel(environment, place, content.byteLength); // it goes on reading its weights there
    const options = { environment, accelerator: "wasm", cpuOptions: { numThreads: this.threads } };
    const compiled = await module.compileModel(environment, model, { ...options, gpuOptions: {}, webNNOptions: {} });
    return new Network(module, environment, model, compiled);
  }
}

/** One network; it works on one image at a time. */
export class Network {
  constructor(module, environment, model, compiled) {
    this.module = module;
    this.compiled = compiled;
    const signature = model.getSignature(0);
    const inputs = signature.inputNames().size(), outputs = signature.outputNames().size();
    const types = Array.from({ length: inputs }, (_, index) => model.getInputTensorType(0, index));
    /** Lengths of each input's axes, [1, …]. */
    this.inputShapes = types.map(shapeOf);
    /** Lengths of each output's axes, [1, …]. */
    this.outputShapes = Array.from({ length: outputs }, (_, index) => shapeOf(model.getOutputTensorType(0, index)));
    const kind = module.LiteRtTensorBufferType.HOST_MEMORY;
    this.buffers = types.map((type) => module.LiteRtTensorBuffer.createManaged(environment, kind, type, type.bytes()));
    signature.delete();
  }

  /** Side of the image it takes, in pixels. */
  get size() {
    return this.inputShapes[0][1];
  }

  /**
   * Its outputs for one image, in the model's order, each a copy.
   *
   * @param {((target: Float32Array) => void)[]} writers for each input a function that writes its values
   * @returns {Promise<Float32Array[]>}
   */
  async run(writers) {
    const { module, buffers } = this;
    const { READ, WRITE } = module.LiteRtTensorBufferLockMode;
    buffers.forEach((buffer, index) => locked(module, buffer, WRITE, writers[index]));
    const outputs = await this.compiled.run(0, buffers);
    return outputs.map((output) => {
      const values = locked(module, output, READ, (memory) => memory.slice());
      output.delete();
      return values;
    });
  }
}

/** What a function makes of a buffer's values, which lie in the runtime's memory only as long as it runs. */
function locked(module, buffer, mode, use) {
  const place = buffer.lock(mode);
  try {
    return use(new Float32Array(module.HEAPU8.buffer, place, buffer.packedSize() / Float32Array.BYTES_PER_ELEMENT));
  } finally {
    buffer.unlock();
  }
}

function shapeOf(type) {
  const layout = type.layout(), dimensions = layout.dimensions();
  const shape = Array.from({ length: dimensions.size() }, (_, axis) => dimensions.get(axis));
  dimensions.delete();
  layout.delete();
  return shape;
}
