"""Drives a running server with NVIDIA's own Python client over gRPC.

    pip install "tritonclient[grpc]" numpy
    node test/clients/repository.ts /tmp/repository
    galatea serve --model-repository /tmp/repository
    python test/clients/tritonclient_grpc.py [127.0.0.1:8001]

Every check is counted; the last line is "N passed, N failed", and the exit code is 1 if one failed.
"""

import asyncio
import queue
import sys
import threading
import time

import grpc
import numpy as np
import tritonclient.grpc as client_grpc
import tritonclient.grpc.aio as client_aio
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from checks import A, B, NO_ID, check, equal, run, same

URL = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8001").rstrip("/")


def tensor(name, array, datatype, shape=None):
    item = client_grpc.InferInput(name, list(shape or array.shape), datatype)
    return item.set_data_from_numpy(array)


def pair(a=A, b=B, datatype="INT32"):
    return [tensor("INPUT0", a, datatype), tensor("INPUT1", b, datatype)]


def outputs(*names):
    return [client_grpc.InferRequestedOutput(name) for name in names]


def refused(status, text, call, *args, **kwargs):
    """The call fails with this status and exactly this text."""
    try:
        call(*args, **kwargs)
    except InferenceServerException as error:
        equal((error.status(), error.message()), (f"StatusCode.{status}", text), "error")
        return
    raise AssertionError(f"not refused; expected {status} {text}")


def failure_of(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except InferenceServerException as error:
        return error
    raise AssertionError("not refused")


# Management


@check
def health(client):
    equal(client.is_server_live(), True, "live")
    equal(client.is_server_ready(), True, "ready")
    equal(client.is_model_ready("simple"), True, "simple")
    equal(client.is_model_ready("simple", "3"), True, "simple 3")
    equal(client.is_model_ready("simple", "9"), False, "simple 9")
    equal(client.is_model_ready("nope"), False, "nope")


@check
def server_metadata(client):
    metadata = client.get_server_metadata()
    for extension in ("classification", "model_configuration", "binary_tensor_data", "parameters", "statistics"):
        assert extension in metadata.extensions, extension
    equal(sorted(client.get_server_metadata(as_json=True)), ["extensions", "name", "version"], "keys")


@check
def model_metadata(client):
    metadata = client.get_model_metadata("simple")
    equal((metadata.name, list(metadata.versions), metadata.platform), ("simple", ["1", "3"], "onnxruntime_onnx"), "model")
    equal([(one.name, one.datatype, list(one.shape)) for one in metadata.inputs],
          [("INPUT0", "INT32", [-1, 16]), ("INPUT1", "INT32", [-1, 16])], "inputs")
    equal(list(client.get_model_metadata("simple", "1").versions), ["1"], "metadata of version 1")
    equal(client.get_model_metadata("identity_bytes", as_json=True)["outputs"][0]["datatype"], "BYTES", "datatype")


@check
def model_config(client):
    config = client.get_model_config("simple").config
    equal((config.name, config.max_batch_size, config.HasField("dynamic_batching")), ("simple", 8, False), "model")
    equal(config.version_policy.WhichOneof("policy_choice"), "all", "version_policy")
    equal([list(one.dims) for one in config.input], [[16], [16]], "dims")
    equal(len(config.instance_group), 1, "instance groups")
    as_json = client.get_model_config("classifier", "1", as_json=True)["config"]
    equal(as_json["output"][0]["label_filename"], "labels.txt", "labels")
    equal(as_json["input"][0]["data_type"], "TYPE_FP32", "data_type")


@check
def repository_index(client):
    models = client.get_model_repository_index().models
    names = [entry.name for entry in models]
    equal(names, sorted(names), "order")
    rows = [(entry.version, entry.state) for entry in models if entry.name == "simple"]
    equal(rows, [("1", "READY"), ("3", "READY")], "simple")


@check
def statistics(client):
    def counts():
        (found,) = client.get_inference_statistics("simple", "3").model_stats
        equal((found.name, found.version), ("simple", "3"), "version")
        return found

    before = counts()
    for _ in range(2):
        client.infer("simple", pair(), model_version="3")
    after = counts()
    equal(after.inference_count - before.inference_count, 2, "inference_count")
    for phase in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        old, new = getattr(before.inference_stats, phase), getattr(after.inference_stats, phase)
        equal(new.count - old.count, 2, phase)
        assert new.ns >= old.ns, phase
    for field in ("fail", "cache_hit", "cache_miss"):
        equal(after.inference_stats.HasField(field), True, field)
    equal(sum(batch.compute_infer.count for batch in after.batch_stats), after.execution_count, "batch_stats")
    equal([one.version for one in client.get_inference_statistics("simple").model_stats], ["1", "3"], "versions")
    names = {one.name for one in client.get_inference_statistics().model_stats}
    assert {"simple", "identity_fp16"} <= names, names
    refused("INVALID_ARGUMENT", "requested model 'nope' is not available", client.get_inference_statistics, "nope")


@check
def load_and_unload_need_explicit_control(client):
    text = "explicit model load / unload is not allowed if polling is enabled"
    refused("UNAVAILABLE", text, client.load_model, "simple")
    refused("UNAVAILABLE", text, client.unload_model, "simple")


@check
def shared_memory_is_off(client):
    text = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable."
    equal(len(client.get_system_shared_memory_status().regions), 0, "system regions")
    equal(len(client.get_cuda_shared_memory_status().regions), 0, "cuda regions")
    refused("UNIMPLEMENTED", text, client.register_system_shared_memory, "r", "/k", 64)
    refused("UNIMPLEMENTED", text, client.unregister_system_shared_memory)
    refused("UNIMPLEMENTED", text, client.unregister_cuda_shared_memory)


# Inference


@check
def infer(client):
    result = client.infer("simple", pair())
    same(result.as_numpy("OUTPUT0"), A + B)
    same(result.as_numpy("OUTPUT1"), A - B)
    response = result.get_response()
    equal((response.model_name, response.model_version, response.id), ("simple", "3", ""), "model")
    equal(len(response.raw_output_contents), 2, "raw contents")


@check
def infer_chosen_outputs(client):
    result = client.infer("simple", pair(), outputs=outputs("OUTPUT1"))
    equal([one.name for one in result.get_response().outputs], ["OUTPUT1"], "outputs")
    same(result.as_numpy("OUTPUT1"), A - B)


@check
def infer_batch_and_version(client):
    a = np.arange(8 * 16, dtype=np.int32).reshape(8, 16)
    for version in ("1", "3"):
        result = client.infer("simple", pair(a, a), model_version=version)
        same(result.as_numpy("OUTPUT0"), a + a)
        equal(result.get_response().model_version, version, "version")


@check
def infer_with_id_and_parameters(client):
    parameters = {"weight": 7, "mode": "fast", "dry": True, "share": 0.5}
    result = client.infer("simple", pair(), request_id="héllo-1", parameters=parameters, priority=1, timeout=5_000_000)
    equal(result.get_response().id, "héllo-1", "id")


EXTREMES = {
    "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
}


@check
def every_integer_type_is_exact(client):
    for datatype, dtype in EXTREMES.items():
        limits = np.iinfo(dtype)
        data = np.array([[limits.min, limits.max] * 8], dtype=dtype)
        result = client.infer(f"identity_{datatype.lower()}", [tensor("INPUT0", data, datatype)])
        same(result.as_numpy("OUTPUT0"), data, datatype)


@check
def floats_and_bools_are_exact(client):
    values = [0.1, -0.0, 1e-7, np.nan, np.inf, -np.inf] + [1 / n for n in range(1, 11)]
    for datatype, dtype in (("FP16", np.float16), ("FP32", np.float32), ("FP64", np.float64)):
        data = np.array([values], dtype=dtype)
        answer = client.infer(f"identity_{datatype.lower()}", [tensor("INPUT0", data, datatype)]).as_numpy("OUTPUT0")
        same(answer, data, datatype)
        same(np.signbit(answer), np.signbit(data), f"signs of {datatype}")
    data = np.array([[True, False] * 8])
    same(client.infer("identity_bool", [tensor("INPUT0", data, "BOOL")]).as_numpy("OUTPUT0"), data)


TYPED = {
    "BOOL": ("bool_contents", np.bool_), "INT8": ("int_contents", np.int8), "INT16": ("int_contents", np.int16),
    "INT32": ("int_contents", np.int32), "INT64": ("int64_contents", np.int64), "UINT8": ("uint_contents", np.uint8),
    "UINT16": ("uint_contents", np.uint16), "UINT32": ("uint_contents", np.uint32),
    "UINT64": ("uint64_contents", np.uint64), "FP32": ("fp32_contents", np.float32), "FP64": ("fp64_contents", np.float64),
}


@check
def typed_contents(_):
    with grpc.insecure_channel(URL) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        for datatype, (field, dtype) in TYPED.items():
            data = np.array([[0, 1] * 8], dtype=dtype)
            if np.issubdtype(dtype, np.integer):
                data[0, :2] = np.iinfo(dtype).min, np.iinfo(dtype).max
            contents = service_pb2.InferTensorContents(**{field: data.flatten().tolist()})
            request = service_pb2.ModelInferRequest(model_name=f"identity_{datatype.lower()}")
            request.inputs.add(name="INPUT0", datatype=datatype, shape=[1, 16], contents=contents)
            response = stub.ModelInfer(request)
            same(np.frombuffer(response.raw_output_contents[0], dtype=dtype).reshape(1, 16), data, datatype)
        words = [str(n).encode() for n in range(16)]
        request = service_pb2.ModelInferRequest(model_name="identity_bytes")
        contents = service_pb2.InferTensorContents(bytes_contents=words)
        request.inputs.add(name="INPUT0", datatype="BYTES", shape=[1, 16], contents=contents)
        answer = client_grpc.InferResult(stub.ModelInfer(request)).as_numpy("OUTPUT0")
        equal(answer[0].tolist(), words, "strings")


@check
def strings(client):
    words = ["", "a", "Grüße", "日本語", "🙂", '"quoted"\\', "tab\tline\n", "x" * 5000] * 2
    data = np.array([words], dtype=np.object_)
    expected = np.array([[word.encode() for word in words]], dtype=np.object_)
    same(client.infer("identity_bytes", [tensor("INPUT0", data, "BYTES")]).as_numpy("OUTPUT0"), expected)


@check
def classification(client):
    data = np.array([[0.1, 0.7, 0.2, -1], [5, 4, 3, 2]], dtype=np.float32)
    wanted = [client_grpc.InferRequestedOutput("SCORES", class_count=2)]
    result = client.infer("classifier", [tensor("INPUT0", data, "FP32")], outputs=wanted)
    equal(result.get_output("SCORES").datatype, "BYTES", "datatype")
    found = [[item.decode() for item in row] for row in result.as_numpy("SCORES")]
    equal(found, [["0.700000:1:bee", "0.200000:2:cat"], ["5.000000:0:ant", "4.000000:1:bee"]], "classes")


@check
def compression(client):
    data = np.arange(100_000, dtype=np.float32).reshape(1, -1)
    for algorithm in ("gzip", "deflate"):
        for array in (data, data[:, :3]):
            result = client.infer("identity_wide", [tensor("INPUT0", array, "FP32")], compression_algorithm=algorithm)
            same(result.as_numpy("OUTPUT0"), array, algorithm)


@check
def large_tensors(client):
    data = np.random.default_rng(1).standard_normal((8, 1_000_000)).astype(np.float32)
    same(client.infer("identity_wide", [tensor("INPUT0", data, "FP32")]).as_numpy("OUTPUT0"), data)
    none = np.zeros((1, 0), dtype=np.float32)
    same(client.infer("identity_wide", [tensor("INPUT0", none, "FP32")]).as_numpy("OUTPUT0"), none)


@check
def headers(client):
    same(client.infer("simple", pair(), headers={"x-anything": "1"}).as_numpy("OUTPUT0"), A + B)


# Asynchronous, streamed, cancelled


@check
def async_infer_with_callbacks(client):
    answers = queue.Queue()
    for n in range(50):
        client.async_infer("simple", pair(a=A + n), lambda result, error: answers.put((result, error)), request_id=str(n))
    for _ in range(50):
        result, error = answers.get(timeout=30)
        equal(error, None, "error")
        same(result.as_numpy("OUTPUT0"), A + int(result.get_response().id) + B)


@check
def async_infer_errors(client):
    answers = queue.Queue()
    client.async_infer("nope", pair(), lambda result, error: answers.put((result, error)))
    result, error = answers.get(timeout=30)
    equal((result, error.status()), (None, "StatusCode.NOT_FOUND"), "answer")


@check
def cancel_an_async_infer(client):
    answers = queue.Queue()
    data = np.zeros((8, 1_000_000), dtype=np.float32)
    context = client.async_infer("identity_wide", [tensor("INPUT0", data, "FP32")],
                                 lambda result, error: answers.put((result, error)))
    context.cancel()
    result, error = answers.get(timeout=30)
    equal((result, error.status()), (None, "StatusCode.CANCELLED"), "answer")
    infer(client)


@check
def client_timeout(client):
    data = np.zeros((8, 1_000_000), dtype=np.float32)
    error = failure_of(client.infer, "identity_wide", [tensor("INPUT0", data, "FP32")], client_timeout=0.001)
    equal(error.status(), "StatusCode.DEADLINE_EXCEEDED", "status")
    same(client.infer("simple", pair(), client_timeout=30).as_numpy("OUTPUT0"), A + B)


class Stream:
    """Starts a stream whose answers can be waited for."""

    def __init__(self, client, **options):
        self.client = client
        self.answers = queue.Queue()
        client.start_stream(lambda result, error: self.answers.put((result, error)), **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.stop_stream()

    def get(self):
        return self.answers.get(timeout=30)


@check
def stream_answers_in_order(client):
    with Stream(client) as stream:
        for n in range(300):
            client.async_stream_infer("simple", pair(a=A + n), request_id=str(n))
        for n in range(300):
            result, error = stream.get()
            equal(error, None, "error")
            response = result.get_response()
            equal(response.id, str(n), "id")
            equal(response.parameters["triton_final_response"].bool_param, True, "final")
            same(result.as_numpy("OUTPUT0"), A + n + B)


@check
def stream_errors_are_inside_the_stream(client):
    with Stream(client) as stream:
        client.async_stream_infer("nope", pair(), request_id="1")
        client.async_stream_infer("simple", pair()[:1], request_id="2")
        client.async_stream_infer("simple", pair(), request_id="3", enable_empty_final_response=True)
        _, error = stream.get()
        equal(error.message(), "Request for unknown model: 'nope' is not found", "error")
        _, error = stream.get()
        assert error.message().startswith("[request id: 2] expected 2 inputs but got 1 inputs"), error.message()
        result, error = stream.get()
        equal((error, result.get_response().id), (None, "3"), "answer")


@check
def stream_with_grpc_errors(client):
    words = np.array([[b"no number"] * 16], dtype=np.object_)
    with Stream(client, headers={"triton_grpc_error": "true"}) as stream:
        client.async_stream_infer("simple_string", pair(words, words, "BYTES"))
        _, error = stream.get()
        equal(error.status(), "StatusCode.INTERNAL", "status")
    string_failure_ends_nothing_else(client)


@check
def string_failure_ends_nothing_else(client):
    words = np.array([[b"no number"] * 16], dtype=np.object_)
    equal(failure_of(client.infer, "simple_string", pair(words, words, "BYTES")).status(), "StatusCode.INTERNAL", "status")
    a = np.array([[str(n).encode() for n in range(16)]], dtype=np.object_)
    b = np.array([[b"1"] * 16], dtype=np.object_)
    result = client.infer("simple_string", pair(a, b, "BYTES"))
    same(result.as_numpy("OUTPUT0"), np.array([[str(n + 1).encode() for n in range(16)]], dtype=np.object_))


@check
def stream_large_tensors(client):
    data = np.random.default_rng(2).standard_normal((2, 500_000)).astype(np.float32)
    with Stream(client, compression_algorithm="gzip") as stream:
        for n in range(6):
            client.async_stream_infer("identity_wide", [tensor("INPUT0", data + n, "FP32")], request_id=str(n))
        for n in range(6):
            result, error = stream.get()
            equal(error, None, "error")
            same(result.as_numpy("OUTPUT0"), data + n)


@check
def cancel_a_stream(client):
    stream = Stream(client)
    for _ in range(100):
        client.async_stream_infer("simple", pair())
    client.stop_stream(cancel_requests=True)
    while True:
        _, error = stream.get()
        if error is not None:
            equal(error.status(), "StatusCode.CANCELLED", "status")
            break
    infer(client)


@check
def stream_timeout(client):
    stream = Stream(client, stream_timeout=2)
    client.async_stream_infer("simple", pair())
    result, error = stream.get()
    equal(error, None, "error")
    _, error = stream.get()
    equal(error.status(), "StatusCode.DEADLINE_EXCEEDED", "status")
    client.stop_stream()


@check
def many_threads(client):
    failures = []

    def work(n):
        try:
            for i in range(20):
                same(client.infer("simple", pair(a=A + n + i)).as_numpy("OUTPUT0"), A + n + i + B)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failures, [], "failures")


@check
def keepalive_options(_):
    options = client_grpc.KeepAliveOptions(
        keepalive_time_ms=10_000, keepalive_timeout_ms=5_000, keepalive_permit_without_calls=True, http2_max_pings_without_data=0
    )
    with client_grpc.InferenceServerClient(URL, keepalive_options=options) as client:
        infer(client)
    arguments = [("grpc.max_receive_message_length", -1), ("grpc.keepalive_time_ms", 20_000)]
    with client_grpc.InferenceServerClient(URL, channel_args=arguments) as client:
        infer(client)


@check
def aio_client(_):
    async def drive():
        async with client_aio.InferenceServerClient(URL) as client:
            equal(await client.is_server_ready(), True, "ready")
            equal((await client.get_model_metadata("simple")).name, "simple", "metadata")
            results = await asyncio.gather(*(client.infer("simple", pair(a=A + n)) for n in range(50)))
            for n, result in enumerate(results):
                same(result.as_numpy("OUTPUT0"), A + n + B)
            result = await client.infer("simple", pair(), compression_algorithm="gzip", client_timeout=30)
            same(result.as_numpy("OUTPUT1"), A - B)
            try:
                await client.infer("nope", pair())
            except InferenceServerException as error:
                equal(error.status(), "StatusCode.NOT_FOUND", "status")
            else:
                raise AssertionError("an unknown model was accepted")

            async def requests():
                for n in range(20):
                    yield {"model_name": "simple", "inputs": pair(a=A + n), "request_id": str(n)}
                yield {"model_name": "nope", "inputs": pair()}

            seen = []
            async for result, error in client.stream_infer(requests()):
                seen.append(result.get_response().id if error is None else error.message())
            equal(seen, [str(n) for n in range(20)] + ["Request for unknown model: 'nope' is not found"], "stream")

            async def endless():
                while True:
                    yield {"model_name": "simple", "inputs": pair()}
                    await asyncio.sleep(0)

            answers = client.stream_infer(endless())
            result, error = await answers.__anext__()
            equal(error, None, "error")
            answers.cancel()
            task = asyncio.ensure_future(client.infer("simple", pair()))
            same((await task).as_numpy("OUTPUT0"), A + B)

    asyncio.run(drive())


@check
def the_start_of_perf_analyzer(client):
    metadata = client.get_model_metadata("simple", "3")
    config = client.get_model_config("simple", "3").config
    equal({one.name for one in config.input}, {one.name for one in metadata.inputs}, "inputs")
    equal({one.name for one in config.output}, {one.name for one in metadata.outputs}, "outputs")
    equal((config.model_transaction_policy.decoupled, config.response_cache.enable), (False, False), "policies")
    equal([(one.is_shape_tensor, one.optional) for one in config.input], [(False, False)] * 2, "flags")
    assert "statistics" in client.get_server_metadata().extensions
    before = client.get_inference_statistics("simple", "3").model_stats[0]
    with grpc.insecure_channel(URL) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        for n in range(10):
            request = service_pb2.ModelInferRequest(model_name="simple", model_version="3", id=str(n))
            request.parameters["triton_enable_empty_final_response"].bool_param = True
            for name in ("INPUT0", "INPUT1"):
                request.inputs.add(name=name, datatype="INT32", shape=[1, 16])
                request.raw_input_contents.append(A.tobytes())
            response = stub.ModelInfer(request)
            equal((response.id, len(response.raw_output_contents)), (str(n), 2), "answer")
    after = client.get_inference_statistics("simple", "3").model_stats[0]
    equal(after.inference_stats.success.count - before.inference_stats.success.count, 10, "success")
    assert int(after.version) == 3 and after.last_inference > time.time() * 1000 - 60_000


# Refusals


@check
def unknown_models_and_versions(client):
    text = "Request for unknown model: 'nope' is not found"
    refused("NOT_FOUND", text, client.infer, "nope", pair())
    refused("NOT_FOUND", text, client.get_model_metadata, "nope")
    refused("NOT_FOUND", text, client.get_model_config, "nope")
    text = "Request for unknown model: 'simple' version 9 is not found"
    refused("NOT_FOUND", text, client.infer, "simple", pair(), model_version="9")
    text = (
        "failed to get model version from specified version string 'abc' (details: stol), version should be an integral "
        "value > 0"
    )
    refused("INVALID_ARGUMENT", text, client.infer, "simple", pair(), model_version="abc")
    refused("INVALID_ARGUMENT", text, client.is_model_ready, "simple", "abc")
    text = "invalid model version specified '-1' , version should be an integral value > 0"
    refused("INVALID_ARGUMENT", text, client.infer, "simple", pair(), model_version="-1")


@check
def wrong_tensors(client):
    text = "inference input 'INPUT0' data-type is 'FP32', but model 'simple' expects 'INT32'"
    inputs = [tensor("INPUT0", A.astype(np.float32), "FP32"), tensor("INPUT1", B, "INT32")]
    refused("INVALID_ARGUMENT", NO_ID + text, client.infer, "simple", inputs)
    refused("INVALID_ARGUMENT", "[request id: abc] " + text, client.infer, "simple", inputs, request_id="abc")
    text = f"{NO_ID}input 'INPUT0' already exists in request"
    refused("INVALID_ARGUMENT", text, client.infer, "simple", [pair()[0], pair()[0]])
    text = "unexpected inference output 'OUTPUT7' for model 'simple'"
    refused("INVALID_ARGUMENT", text, client.infer, "simple", pair(), outputs=outputs("OUTPUT7"))
    nine = np.zeros((9, 16), dtype=np.int32)
    text = f"{NO_ID}inference request batch-size must be <= 8 for 'simple'"
    refused("INVALID_ARGUMENT", text, client.infer, "simple", pair(nine, nine))


@check
def dimensions_that_no_tensor_has(_):
    with grpc.insecure_channel(URL) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)

        def failure(dims):
            request = service_pb2.ModelInferRequest(model_name="simple")
            for name in ("INPUT0", "INPUT1"):
                request.inputs.add(name=name, datatype="INT32", shape=dims)
                request.raw_input_contents.append(A.tobytes())
            try:
                stub.ModelInfer(request)
            except grpc.RpcError as error:
                equal(error.code(), grpc.StatusCode.INVALID_ARGUMENT, "code")
                return error.details()
            raise AssertionError("not refused")

        assert "All input dimensions should be specified for input 'INPUT0'" in failure([1, -1])
        assert "unexpected shape for input 'INPUT0'" in failure([1, -2])
        assert "unexpected shape for input 'INPUT0'" in failure([1, 2**63 - 1])
        assert "has no shape but model requires batch dimension" in failure([])
        assert "input byte size mismatch for input 'INPUT0' for model 'simple'. Expected 128, got 64" in failure([2, 16])


@check
def reserved_parameters(client):
    text = (
        "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with "
        "'triton_' are allowed: triton_enable_empty_final_response"
    )
    with grpc.insecure_channel(URL) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = service_pb2.ModelInferRequest(model_name="simple")
        request.parameters["triton_secret"].int64_param = 1
        try:
            stub.ModelInfer(request)
        except grpc.RpcError as error:
            equal((error.code(), error.details()), (grpc.StatusCode.INVALID_ARGUMENT, text), "error")
        else:
            raise AssertionError("a reserved parameter was accepted")


@check
def the_server_still_serves(client):
    equal(client.is_server_ready(), True, "ready")
    infer(client)


with client_grpc.InferenceServerClient(URL) as connected:
    run(connected)
