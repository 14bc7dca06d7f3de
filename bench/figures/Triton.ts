/**
 * The best ratios of NVIDIA Triton 2.51 (release 24.10, C++, CPU build, ONNX Runtime 1.30) to the same yardsticks, of any of its settings
 * (dynamic batcher or none, one instance or two): medians of three to five repetitions of 8 s with wrk and h2load, on a two-core x86-64 virtual
 * machine. Absolute figures move between machines and hours; ratios of one run can be compared.
 */

/** `simple` over HTTP, of the `node:http` echo, by connections. */
export const binary: Readonly<Record<number, number>> = { 1: 0.67, 8: 0.51, 32: 0.66, 128: 0.65 }

/** The same with tensors in JSON. */
export const json: Readonly<Record<number, number>> = { 1: 0.65, 8: 0.49, 32: 0.58, 128: 0.67 }

/** Median latency of `simple` over HTTP at one connection, binary or JSON, 104 µs beside 73. */
export const latency = 1.42

/** `simple` over gRPC, of the `node:http2` echo, by connections. */
export const grpc: Readonly<Record<number, number>> = { 1: 0.67, 8: 0.84, 32: 1.09, 128: 1.23 }

/** 32 streams on one connection beside 32 connections, 36,000 calls/s beside 31,500. */
export const streams = 1.14

/** FP32 identity of 602 kB over HTTP, of the `node:http` echo, by connections. */
export const large: Readonly<Record<number, number>> = { 1: 0.58, 8: 0.62 }

/** The same over gRPC beside HTTP, 1,190 beside 1,160 and 1,730 beside 1,450 requests/s. */
export const largeGrpc: Readonly<Record<number, number>> = { 1: 1.03, 8: 1.19 }

/** ResNet-50 shape, of ONNX Runtime alone, by instances: those of one, and of two with one thread each; 0.60 with Triton's defaults. */
export const resnet: Readonly<Record<number, number>> = { 1: 0.95, 2: 0.98 }

/** SqueezeNet shape, of ONNX Runtime alone, by instances. */
export const squeezenet: Readonly<Record<number, number>> = { 1: 0.71, 2: 0.78 }
