"""Reads and changes trace settings with NVIDIA's client library, over HTTP or gRPC, and reads the trace file.

    python test/clients/tritonclient_trace.py http 127.0.0.1:8000 FILE
    python test/clients/tritonclient_trace.py grpc 127.0.0.1:8001 FILE

The server runs with --trace-config triton,file=FILE, on the repository that repository.ts has written.
Needs tritonclient[http,grpc].
"""

import json
import os
import sys
import time

import tritonclient.grpc as client_grpc
import tritonclient.http as client_http
from tritonclient.utils import InferenceServerException

from checks import A, B, check, equal, run, same

PROTOCOL, URL, FILE = sys.argv[1:4]
LIBRARY = {"http": client_http, "grpc": client_grpc}[PROTOCOL]
STATUS = {
    "http": {"invalid": "400", "unsupported": "501", "unknown": "404"},
    "grpc": {
        "invalid": "StatusCode.INVALID_ARGUMENT",
        "unsupported": "StatusCode.UNIMPLEMENTED",
        "unknown": "StatusCode.NOT_FOUND",
    },
}[PROTOCOL]
NAMES = {
    "http": ["HTTP_RECV_START", "HTTP_RECV_END", "HTTP_SEND_START", "HTTP_SEND_END"],
    "grpc": ["GRPC_WAITREAD_START", "GRPC_WAITREAD_END", "GRPC_SEND_START", "GRPC_SEND_END"],
}[PROTOCOL] + [
    "INFER_RESPONSE_COMPLETE",
    "REQUEST_START",
    "QUEUE_START",
    "COMPUTE_START",
    "COMPUTE_INPUT_END",
    "COMPUTE_OUTPUT_START",
    "COMPUTE_END",
    "REQUEST_END",
]


def plain(settings):
    """The settings as HTTP gives them: a list of levels, and one text for each of the others."""
    if PROTOCOL == "http":
        return settings
    lists = {name: list(entry.value) for name, entry in settings.settings.items()}
    return {name: values if name == "trace_level" else values[0] for name, values in lists.items()}


def get(client, model=None):
    return plain(client.get_trace_settings(model))


def update(client, settings, model=None):
    return plain(client.update_trace_settings(model, settings))


def setting(level=("OFF",), rate=1000, count=-1, frequency=0):
    return {
        "trace_level": list(level),
        "trace_rate": str(rate),
        "trace_count": str(count),
        "log_frequency": str(frequency),
        "trace_file": FILE,
        "trace_mode": "triton",
    }


def refused(status, text, call, *args):
    try:
        call(*args)
    except InferenceServerException as error:
        equal((error.status(), error.message()), (STATUS[status], text), "error")
    else:
        raise AssertionError(f"not refused: {args}")


def add(client, count):
    for _ in range(count):
        inputs = [LIBRARY.InferInput(name, [1, 16], "INT32") for name in ("INPUT0", "INPUT1")]
        inputs[0].set_data_from_numpy(A)
        inputs[1].set_data_from_numpy(B)
        same(client.infer("simple", inputs, request_id="mine").as_numpy("OUTPUT0"), A + B)


def written(name, traces):
    """The objects of a file, as soon as it holds so many traces."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with open(name) as file:
                objects = json.load(file)
            if len({entry["id"] for entry in objects}) == traces:
                return objects
        except (FileNotFoundError, json.JSONDecodeError):
            pass
        assert time.monotonic() < deadline, f"{name} has no {traces} traces"
        time.sleep(0.01)


@check
def settings_are_those_of_the_start(client):
    equal(get(client), setting())
    equal(get(client, "simple"), setting())
    assert "trace" in (client.get_server_metadata()["extensions"] if PROTOCOL == "http" else client.get_server_metadata().extensions)


@check
def settings_change_for_all_and_for_a_model(client):
    equal(update(client, {"trace_rate": "7", "log_frequency": "3"}), setting(rate=7, frequency=3))
    own = {"trace_level": ["TIMESTAMPS", "TENSORS"], "trace_count": "9"}
    equal(update(client, own, "simple"), setting(["TIMESTAMPS", "TENSORS"], 7, 9, 3))
    equal(get(client), setting(rate=7, frequency=3))
    equal(update(client, {"trace_count": None}, "simple"), setting(["TIMESTAMPS", "TENSORS"], 7, -1, 3))
    equal(update(client, {"trace_rate": None, "log_frequency": None}), setting())
    equal(get(client, "simple"), setting(["TIMESTAMPS", "TENSORS"]))
    equal(update(client, {"trace_level": None}, "simple"), setting())


@check
def settings_that_cannot_be_are_refused(client):
    text = "trace file location can not be updated through network protocol"
    refused("unsupported", text, update, client, {"trace_file": "x"})
    refused("invalid", "Unable to parse 'trace_rate', got: many", update, client, {"trace_rate": "many"})
    text = "Expect only one trace level 'OFF' is specified"
    refused("invalid", text, update, client, {"trace_level": ["OFF", "TENSORS"]})
    gap = " " if PROTOCOL == "grpc" else ""
    text = f"Unable to parse 'trace_count'. Expecting value >= -1, got:{gap}-2"
    refused("invalid", text, update, client, {"trace_count": "-2"})
    text = "Attempting to set invalid trace setting :sample rate must be non-zero"
    refused("invalid", text, update, client, {"trace_level": ["TENSORS"], "trace_rate": "0"})
    refused("unknown", "Request for unknown model: 'nope' is not found", get, client, "nope")
    equal(get(client), setting())


@check
def requests_are_traced_into_the_file(client):
    update(client, {"trace_level": ["TIMESTAMPS"], "trace_rate": "1"})
    add(client, 20)
    update(client, {"trace_level": ["OFF"], "trace_rate": None})
    add(client, 2)
    objects = written(FILE, 20)
    for number in {entry["id"] for entry in objects}:
        mine = [entry for entry in objects if entry["id"] == number]
        heads = [entry for entry in mine if "model_name" in entry]
        equal(len(heads), 1, "heads")
        equal((heads[0]["model_name"], heads[0]["model_version"], heads[0]["request_id"]), ("simple", 3, "mine"))
        stamps = [stamp for entry in mine for stamp in entry.get("timestamps", [])]
        equal(sorted(stamp["name"] for stamp in stamps), sorted(NAMES), "activities")
        equal([stamp["ns"] for stamp in stamps], sorted(stamp["ns"] for stamp in stamps), "order")


@check
def a_count_of_requests_has_a_file_of_its_own(client):
    update(client, {"trace_level": ["TENSORS"], "trace_rate": "2", "trace_count": "3"}, "simple")
    add(client, 10)
    objects = written(f"{FILE}.0", 3)
    equal(get(client, "simple"), setting(["TENSORS"], 2, 0))
    inputs = [entry["tensor"] for entry in objects if entry.get("activity") == "TENSOR_BACKEND_INPUT"]
    equal(sorted(tensor["name"] for tensor in inputs), ["INPUT0"] * 3 + ["INPUT1"] * 3, "inputs")
    numbers = ",".join(str(number) for number in range(16))
    equal(inputs[0], {"name": "INPUT0", "data": numbers, "shape": "1,16", "dtype": "INT32"}, "tensor")
    assert not os.path.exists(f"{FILE}.1")


with LIBRARY.InferenceServerClient(URL) as connected:
    run(connected)
