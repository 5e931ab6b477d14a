/**
 * For all of Node in an emulated guest (`NODE_OPTIONS=--require`). V8 14.6 has ended a process there by checks of its own book of
 * code pages while functions of WebAssembly, Node's stripper of types, were optimized in the background. They stay as they are
 * compiled first; here that is no slower, for the stripper has done its work in some seconds.
 */
require('node:v8').setFlagsFromString('--wasm-tiering-budget=2000000000')
