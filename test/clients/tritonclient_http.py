"""Drives a running server with NVIDIA's own Python client over HTTP.

    pip install "tritonclient[http]" numpy
    node test/clients/repository.ts /tmp/repository
    galatea serve --model-repository /tmp/repository
    python test/clients/tritonclient_http.py [127.0.0.1:8000]

Every check is counted; the last line is "N passed, N failed", and the exit code is 1 if one failed.
"""

import asyncio
import http.client
import json
import sys

import numpy as np
import tritonclient.http as client_http
import tritonclient.http.aio as client_aio
from tritonclient.utils import InferenceServerException

from checks import A, B, NO_ID, check, equal, run, same

URL = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000").removeprefix("http://").rstrip("/")
BATCH_NOTE = (
    "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each "
    "input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting "
    "max_batch_size to zero. See the model configuration docs for more info on max_batch_size."
)


def tensor(name, array, datatype, binary=True, shape=None):
    item = client_http.InferInput(name, list(shape or array.shape), datatype)
    return item.set_data_from_numpy(array, binary_data=binary)


def pair(a=A, b=B, datatype="INT32", binary=True):
    return [tensor("INPUT0", a, datatype, binary), tensor("INPUT1", b, datatype, binary)]


def refused(status, text, call, *args, **kwargs):
    """The call fails with this status and exactly this text."""
    try:
        call(*args, **kwargs)
    except InferenceServerException as error:
        equal((error.status(), error.message()), (str(status), text), "error")
        return
    raise AssertionError(f"not refused; expected {status} {text}")


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
    equal(sorted(metadata), ["extensions", "name", "version"], "keys")
    for extension in ("classification", "model_configuration", "binary_tensor_data", "parameters", "statistics"):
        assert extension in metadata["extensions"], extension


@check
def model_metadata(client):
    tensors = lambda names: [{"name": name, "datatype": "INT32", "shape": [-1, 16]} for name in names]
    expected = {
        "name": "simple",
        "versions": ["1", "3"],
        "platform": "onnxruntime_onnx",
        "inputs": tensors(["INPUT0", "INPUT1"]),
        "outputs": tensors(["OUTPUT0", "OUTPUT1"]),
    }
    equal(client.get_model_metadata("simple"), expected, "metadata")
    equal(client.get_model_metadata("simple", "1"), {**expected, "versions": ["1"]}, "metadata of version 1")


@check
def model_metadata_of_a_derived_config(client):
    metadata = client.get_model_metadata("identity_fp16")
    equal(metadata["inputs"], [{"name": "INPUT0", "datatype": "FP16", "shape": [-1, 16]}], "inputs")
    equal(client.get_model_metadata("identity_bytes")["outputs"][0]["datatype"], "BYTES", "datatype")


@check
def model_config(client):
    config = client.get_model_config("simple")
    equal(config["name"], "simple", "name")
    equal(config["max_batch_size"], 8, "max_batch_size")
    equal(config["version_policy"], {"all": {}}, "version_policy")
    equal([item["dims"] for item in config["input"]], [[16], [16]], "dims")
    equal(config["input"][0]["data_type"], "TYPE_INT32", "data_type")
    equal(len(config["instance_group"]), 1, "instance groups")
    equal(client.get_model_config("classifier", "1")["output"][0]["label_filename"], "labels.txt", "labels")


@check
def repository_index(client):
    index = client.get_model_repository_index()
    names = [entry["name"] for entry in index]
    equal(names, sorted(names), "order")
    rows = [(entry["version"], entry["state"]) for entry in index if entry["name"] == "simple"]
    equal(rows, [("1", "READY"), ("3", "READY")], "simple")


@check
def statistics(client):
    def counts():
        (found,) = client.get_inference_statistics("simple", "3")["model_stats"]
        equal((found["name"], found["version"]), ("simple", "3"), "version")
        return found

    before = counts()
    for _ in range(2):
        client.infer("simple", pair(), model_version="3")
    after = counts()
    equal(after["inference_count"] - before["inference_count"], 2 * A.shape[0], "inference_count")
    for phase in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        old, new = before["inference_stats"][phase], after["inference_stats"][phase]
        equal(new["count"] - old["count"], 2, phase)
        assert new["ns"] >= old["ns"], phase
    executions = sum(batch["compute_infer"]["count"] for batch in after["batch_stats"])
    equal(executions, after["execution_count"], "batch_stats")
    versions = client.get_inference_statistics("simple")["model_stats"]
    equal([one["version"] for one in versions], ["1", "3"], "versions")
    names = {one["name"] for one in client.get_inference_statistics()["model_stats"]}
    assert {"simple", "identity_fp16"} <= names, names
    refused("400", "requested model 'nope' is not available", client.get_inference_statistics, "nope")


@check
def load_and_unload_need_explicit_control(client):
    text = "explicit model load / unload is not allowed if polling is enabled"
    refused(503, text, client.load_model, "simple")
    refused(503, text, client.unload_model, "simple")


# Inference


@check
def infer_binary(client):
    result = client.infer("simple", pair())
    same(result.as_numpy("OUTPUT0"), A + B)
    same(result.as_numpy("OUTPUT1"), A - B)
    response = result.get_response()
    equal((response["model_name"], response["model_version"]), ("simple", "3"), "model")
    equal("id" in response, False, "id")


@check
def infer_json(client):
    outputs = [client_http.InferRequestedOutput(name, binary_data=False) for name in ("OUTPUT0", "OUTPUT1")]
    result = client.infer("simple", pair(binary=False), outputs=outputs)
    same(result.as_numpy("OUTPUT0"), A + B)
    equal(result.get_output("OUTPUT1")["data"], (A - B).flatten().tolist(), "data")


@check
def infer_mixed(client):
    inputs = [tensor("INPUT0", A, "INT32", False), tensor("INPUT1", B, "INT32", True)]
    outputs = [
        client_http.InferRequestedOutput("OUTPUT0", binary_data=True),
        client_http.InferRequestedOutput("OUTPUT1", binary_data=False),
    ]
    result = client.infer("simple", inputs, outputs=outputs)
    same(result.as_numpy("OUTPUT0"), A + B)
    same(result.as_numpy("OUTPUT1"), A - B)


@check
def infer_batch(client):
    a = np.arange(8 * 16, dtype=np.int32).reshape(8, 16)
    result = client.infer("simple", pair(a, a))
    same(result.as_numpy("OUTPUT0"), a + a)


@check
def infer_a_version(client):
    for version in ("1", "3"):
        result = client.infer("simple", pair(), model_version=version)
        equal(result.get_response()["model_version"], version, "version")


@check
def infer_one_output(client):
    result = client.infer("simple", pair(), outputs=[client_http.InferRequestedOutput("OUTPUT1")])
    equal([output["name"] for output in result.get_response()["outputs"]], ["OUTPUT1"], "outputs")
    same(result.as_numpy("OUTPUT1"), A - B)


@check
def infer_with_id_and_parameters(client):
    result = client.infer("simple", pair(), request_id="héllo-1", parameters={"weight": 7, "mode": "fast", "dry": True})
    equal(result.get_response()["id"], "héllo-1", "id")


@check
def infer_with_priority_and_timeout(client):
    result = client.infer("simple", pair(), priority=1, timeout=5_000_000)
    same(result.as_numpy("OUTPUT0"), A + B)


EXTREMES = {
    "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
}


@check
def every_integer_type_is_exact(client):
    for datatype, dtype in EXTREMES.items():
        limits = np.iinfo(dtype)
        data = np.array([[limits.min, limits.max] * 8], dtype=dtype)
        for binary in (True, False):
            outputs = [client_http.InferRequestedOutput("OUTPUT0", binary_data=binary)]
            result = client.infer(f"identity_{datatype.lower()}", [tensor("INPUT0", data, datatype, binary)], outputs=outputs)
            same(result.as_numpy("OUTPUT0"), data, f"{datatype}, binary {binary}")


@check
def floats_are_exact(client):
    values = [0.1, -0.0, 1e-7, 1.5e21, 3.4e38, -2.5] + [1 / n for n in range(1, 11)]
    for datatype, dtype in (("FP32", np.float32), ("FP64", np.float64)):
        data = np.array([values], dtype=dtype)
        for binary in (True, False):
            outputs = [client_http.InferRequestedOutput("OUTPUT0", binary_data=binary)]
            result = client.infer(f"identity_{datatype.lower()}", [tensor("INPUT0", data, datatype, binary)], outputs=outputs)
            answer = result.as_numpy("OUTPUT0")
            same(answer, data, f"{datatype}, binary {binary}")
            same(np.signbit(answer), np.signbit(data), f"signs of {datatype}, binary {binary}")


@check
def not_a_number_and_infinity(client):
    data = np.array([[np.nan, np.inf, -np.inf, 0] * 4], dtype=np.float32)
    for binary in (True, False):
        outputs = [client_http.InferRequestedOutput("OUTPUT0", binary_data=binary)]
        result = client.infer("identity_fp32", [tensor("INPUT0", data, "FP32", binary)], outputs=outputs)
        same(result.as_numpy("OUTPUT0"), data, f"binary {binary}")


@check
def booleans(client):
    data = np.array([[True, False] * 8])
    for binary in (True, False):
        outputs = [client_http.InferRequestedOutput("OUTPUT0", binary_data=binary)]
        result = client.infer("identity_bool", [tensor("INPUT0", data, "BOOL", binary)], outputs=outputs)
        same(result.as_numpy("OUTPUT0"), data, f"binary {binary}")


@check
def fp16(client):
    data = np.array([[0.1, -65504, 6e-8, np.inf] * 4], dtype=np.float16)
    result = client.infer("identity_fp16", [tensor("INPUT0", data, "FP16")])
    same(result.as_numpy("OUTPUT0"), data)


@check
def fp16_is_not_json(client):
    data = np.zeros((1, 16), dtype=np.float16)
    refused(
        400,
        "sending FP16 data via JSON is not supported. Please use the binary data format for output",
        client.infer,
        "identity_fp16",
        [tensor("INPUT0", data, "FP16")],
        outputs=[client_http.InferRequestedOutput("OUTPUT0", binary_data=False)],
    )


@check
def strings(client):
    words = ["", "a", "Grüße", "日本語", "🙂", '"quoted"\\', "tab\tline\n", "x" * 5000] * 2
    data = np.array([words], dtype=np.object_)
    expected = np.array([[word.encode() for word in words]], dtype=np.object_)
    for binary in (True, False):
        outputs = [client_http.InferRequestedOutput("OUTPUT0", binary_data=binary)]
        result = client.infer("identity_bytes", [tensor("INPUT0", data, "BYTES", binary)], outputs=outputs)
        answer = result.as_numpy("OUTPUT0")
        if not binary:
            answer = np.array([[str(word).encode() for word in answer[0]]], dtype=np.object_)
        same(answer, expected, f"binary {binary}")


@check
def string_arithmetic(client):
    a = np.array([[str(n).encode() for n in range(16)]], dtype=np.object_)
    b = np.array([[b"1"] * 16], dtype=np.object_)
    result = client.infer("simple_string", pair(a, b, "BYTES"))
    same(result.as_numpy("OUTPUT0"), np.array([[str(n + 1).encode() for n in range(16)]], dtype=np.object_))
    same(result.as_numpy("OUTPUT1"), np.array([[str(n - 1).encode() for n in range(16)]], dtype=np.object_))


@check
def classification(client):
    data = np.array([[0.1, 0.7, 0.2, -1], [5, 4, 3, 2]], dtype=np.float32)
    for binary in (True, False):
        outputs = [client_http.InferRequestedOutput("SCORES", binary_data=binary, class_count=2)]
        result = client.infer("classifier", [tensor("INPUT0", data, "FP32")], outputs=outputs)
        equal(result.get_output("SCORES")["datatype"], "BYTES", "datatype")
        found = [[item.decode() if isinstance(item, bytes) else str(item) for item in row] for row in result.as_numpy("SCORES")]
        equal(found, [["0.700000:1:bee", "0.200000:2:cat"], ["5.000000:0:ant", "4.000000:1:bee"]], "classes")


@check
def classification_without_labels(client):
    outputs = [client_http.InferRequestedOutput("OUTPUT0", class_count=1)]
    result = client.infer("simple", pair(), outputs=outputs)
    same(result.as_numpy("OUTPUT0"), np.array([[b"18:15"]], dtype=np.object_))


@check
def request_compression(client):
    for algorithm in ("gzip", "deflate"):
        for binary in (True, False):
            result = client.infer("simple", pair(binary=binary), request_compression_algorithm=algorithm)
            same(result.as_numpy("OUTPUT0"), A + B, f"{algorithm}, binary {binary}")


@check
def response_compression(client):
    data = np.zeros((1, 100_000), dtype=np.float32)
    for algorithm in ("gzip", "deflate"):
        for binary in (True, False):
            outputs = [client_http.InferRequestedOutput("OUTPUT0", binary_data=binary)]
            result = client.infer(
                "identity_wide",
                [tensor("INPUT0", data, "FP32")],
                outputs=outputs,
                response_compression_algorithm=algorithm,
            )
            same(result.as_numpy("OUTPUT0"), data, f"{algorithm}, binary {binary}")


@check
def compression_both_ways(client):
    data = np.arange(50_000, dtype=np.float32).reshape(1, -1)
    for algorithm in ("gzip", "deflate"):
        result = client.infer(
            "identity_wide",
            [tensor("INPUT0", data, "FP32")],
            request_compression_algorithm=algorithm,
            response_compression_algorithm=algorithm,
        )
        same(result.as_numpy("OUTPUT0"), data, algorithm)


@check
def compressed_answers_are_smaller(client):
    data = np.zeros((1, 100_000), dtype=np.float32)
    body, header_length = client_http.InferenceServerClient.generate_request_body([tensor("INPUT0", data, "FP32")])
    connection = http.client.HTTPConnection(URL, timeout=30)
    headers = {"Inference-Header-Content-Length": str(header_length), "Accept-Encoding": "gzip"}
    connection.request("POST", "/v2/models/identity_wide/infer", body, headers)
    response = connection.getresponse()
    equal((response.status, response.getheader("Content-Encoding")), (200, "gzip"), "answer")
    length = len(response.read())
    assert length < 10_000, f"{length} bytes"
    connection.close()


@check
def large_tensor(client):
    data = np.random.default_rng(1).standard_normal((2, 500_000)).astype(np.float32)
    result = client.infer("identity_wide", [tensor("INPUT0", data, "FP32")])
    same(result.as_numpy("OUTPUT0"), data)


@check
def no_elements(client):
    data = np.zeros((1, 0), dtype=np.float32)
    same(client.infer("identity_wide", [tensor("INPUT0", data, "FP32")]).as_numpy("OUTPUT0"), data)


@check
def request_and_answer_bodies_made_by_hand(client):
    body, header_length = client_http.InferenceServerClient.generate_request_body(pair(), request_id="by hand")
    connection = http.client.HTTPConnection(URL, timeout=30)
    connection.request("POST", "/v2/models/simple/infer", body, {"Inference-Header-Content-Length": str(header_length)})
    response = connection.getresponse()
    answer = response.read()
    length = response.getheader("Inference-Header-Content-Length")
    result = client_http.InferenceServerClient.parse_response_body(answer, header_length=int(length))
    same(result.as_numpy("OUTPUT0"), A + B)
    equal(json.loads(answer[: int(length)])["id"], "by hand", "id")
    connection.close()


@check
def async_infer(client):
    requests = [client.async_infer("simple", pair(a=A + n), request_id=str(n)) for n in range(40)]
    for n, request in enumerate(requests):
        result = request.get_result()
        equal(result.get_response()["id"], str(n), "id")
        same(result.as_numpy("OUTPUT0"), A + n + B)


@check
def aio_client(_):
    async def drive():
        async with client_aio.InferenceServerClient(URL) as client:
            equal(await client.is_server_ready(), True, "ready")
            equal((await client.get_model_metadata("simple"))["name"], "simple", "metadata")
            results = await asyncio.gather(*(client.infer("simple", pair(a=A + n)) for n in range(20)))
            for n, result in enumerate(results):
                same(result.as_numpy("OUTPUT0"), A + n + B)
            result = await client.infer(
                "simple", pair(), request_compression_algorithm="gzip", response_compression_algorithm="deflate"
            )
            same(result.as_numpy("OUTPUT1"), A - B)
            try:
                await client.infer("nope", pair())
            except InferenceServerException as error:
                equal(error.message(), "Request for unknown model: 'nope' is not found", "error")
            else:
                raise AssertionError("an unknown model was accepted")

    asyncio.run(drive())


# Refusals


@check
def unknown_model(client):
    text = "Request for unknown model: 'nope' is not found"
    refused(404, text, client.infer, "nope", pair())
    refused(404, text, client.get_model_metadata, "nope")
    refused(404, text, client.get_model_config, "nope")


@check
def unknown_version(client):
    text = "Request for unknown model: 'simple' version 9 is not found"
    refused(404, text, client.infer, "simple", pair(), model_version="9")
    refused(404, text, client.get_model_metadata, "simple", "9")


@check
def wrong_shape(client):
    short = np.zeros((1, 8), dtype=np.int32)
    refused(
        400,
        f"{NO_ID}unexpected shape for input 'INPUT0' for model 'simple'. Expected [-1,16], got [1,8]. {BATCH_NOTE}",
        client.infer,
        "simple",
        pair(short, B),
    )


@check
def wrong_datatype(client):
    text = "inference input 'INPUT0' data-type is 'FP32', but model 'simple' expects 'INT32'"
    inputs = [tensor("INPUT0", A.astype(np.float32), "FP32"), tensor("INPUT1", B, "INT32")]
    refused(400, NO_ID + text, client.infer, "simple", inputs)
    refused(400, "[request id: abc] " + text, client.infer, "simple", inputs, request_id="abc")


@check
def missing_input(client):
    refused(
        400,
        f"{NO_ID}expected 2 inputs but got 1 inputs for model 'simple'. Got input(s) ['INPUT0'], but missing required "
        "input(s) ['INPUT1']. Please provide all required input(s).",
        client.infer,
        "simple",
        pair()[:1],
    )


@check
def unknown_input(client):
    inputs = [tensor("INPUT0", A, "INT32"), tensor("INPUT7", B, "INT32")]
    refused(400, "unexpected inference input 'INPUT7' for model 'simple'", client.infer, "simple", inputs)


@check
def duplicate_input(client):
    inputs = [tensor("INPUT0", A, "INT32"), tensor("INPUT0", B, "INT32")]
    refused(400, f"{NO_ID}input 'INPUT0' already exists in request", client.infer, "simple", inputs)


@check
def unknown_output(client):
    outputs = [client_http.InferRequestedOutput("OUTPUT7")]
    text = "unexpected inference output 'OUTPUT7' for model 'simple'"
    refused(400, text, client.infer, "simple", pair(), outputs=outputs)


@check
def batch_too_large(client):
    nine = np.zeros((9, 16), dtype=np.int32)
    text = f"{NO_ID}inference request batch-size must be <= 8 for 'simple'"
    refused(400, text, client.infer, "simple", pair(nine, nine))


@check
def unequal_batches(client):
    two = np.zeros((2, 16), dtype=np.int32)
    text = f"{NO_ID}input 'INPUT1' batch size does not match other inputs for 'simple'"
    refused(400, text, client.infer, "simple", pair(A, two))


@check
def reserved_parameter(client):
    try:
        client.infer("simple", pair(), parameters={"triton_secret": 1})
    except InferenceServerException as error:
        assert "triton_" in error.message(), error.message()
    else:
        raise AssertionError("a reserved parameter was accepted")


@check
def string_with_nul(client):
    data = np.array([[b"a\x00b"] + [b"x"] * 15], dtype=np.object_)
    try:
        client.infer("identity_bytes", [tensor("INPUT0", data, "BYTES")])
    except InferenceServerException as error:
        equal(error.status(), "400", "status")
        assert "INPUT0" in error.message(), error.message()
    else:
        raise AssertionError("a string with a NUL byte was accepted")


@check
def a_failing_run_is_an_error_and_not_the_end(client):
    words = np.array([[b"no number"] * 16], dtype=np.object_)
    try:
        client.infer("simple_string", pair(words, words, "BYTES"))
    except InferenceServerException as error:
        equal(error.status(), "500", "status")
    else:
        raise AssertionError("words were added")
    string_arithmetic(client)


@check
def the_server_still_serves(client):
    equal(client.is_server_ready(), True, "ready")
    infer_binary(client)


with client_http.InferenceServerClient(URL, concurrency=8, connection_timeout=30, network_timeout=60) as connected:
    run(connected)
