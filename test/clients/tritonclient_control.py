"""Loads and unloads models with NVIDIA's client library, over HTTP or gRPC.

    python test/clients/tritonclient_control.py http 127.0.0.1:8000 FOLDER
    python test/clients/tritonclient_control.py grpc 127.0.0.1:8001 FOLDER

The server runs in control mode explicit, with `simple` loaded, on the repository that repository.ts has written into FOLDER.
Needs tritonclient[http,grpc].
"""

import json
import sys
import time

import numpy as np
import tritonclient.grpc as client_grpc
import tritonclient.http as client_http
from tritonclient.utils import InferenceServerException

from checks import A, B, check, equal, run, same

PROTOCOL, URL, FOLDER = sys.argv[1:4]
LIBRARY = {"http": client_http, "grpc": client_grpc}[PROTOCOL]
STATUS = {
    "http": {"internal": "500", "invalid": "400"},
    "grpc": {"internal": "StatusCode.INTERNAL", "invalid": "StatusCode.INVALID_ARGUMENT"},
}[PROTOCOL]


def refused(status, text, call, *args, **options):
    try:
        call(*args, **options)
    except InferenceServerException as error:
        equal(error.status(), STATUS[status], "status")
        assert error.message().startswith(text), error.message()
    else:
        raise AssertionError(f"not refused: {args} {options}")


def index(client):
    rows = client.get_model_repository_index()
    if PROTOCOL == "grpc":
        rows = [{"name": row.name, "version": row.version, "state": row.state, "reason": row.reason} for row in rows.models]
    return rows


def states(client, model):
    return [(row.get("version", ""), row.get("state", "")) for row in index(client) if row["name"] == model]


def comes_to(client, model, expected):
    deadline = time.monotonic() + 30
    while states(client, model) != expected:
        assert time.monotonic() < deadline, states(client, model)
        time.sleep(0.01)


def batch_size(client, model):
    config = client.get_model_config(model)
    return config["max_batch_size"] if PROTOCOL == "http" else config.config.max_batch_size


def add(client, model="simple", version=""):
    inputs = [LIBRARY.InferInput(name, [1, 16], "INT32") for name in ("INPUT0", "INPUT1")]
    inputs[0].set_data_from_numpy(A)
    inputs[1].set_data_from_numpy(B)
    same(client.infer(model, inputs, version).as_numpy("OUTPUT0"), A + B)


@check
def only_what_was_named_is_loaded(client):
    equal(states(client, "simple"), [("1", "READY"), ("3", "READY")])
    equal(states(client, "classifier"), [("", "")])
    equal(client.is_model_ready("classifier"), False)
    equal(client.is_server_ready(), True)


@check
def a_model_is_loaded_and_unloaded(client):
    client.load_model("classifier")
    client.load_model("classifier")
    equal(client.is_model_ready("classifier"), True)
    client.unload_model("classifier")
    equal(client.is_model_ready("classifier"), False)
    comes_to(client, "classifier", [("1", "UNAVAILABLE")])
    equal([row["reason"] for row in index(client) if row["name"] == "classifier"], ["unloaded"])
    client.unload_model("classifier", unload_dependents=True)
    client.unload_model("no such model")


@check
def a_config_replaces_that_of_the_repository(client):
    client.load_model("simple", config=json.dumps({"max_batch_size": 4, "versionPolicy": {"all": {}}}))
    equal(batch_size(client, "simple"), 4)
    client.load_model("simple")
    equal(batch_size(client, "simple"), 4)
    add(client)
    client.unload_model("simple")
    client.load_model("simple")
    equal(batch_size(client, "simple"), 8)
    add(client, version="1")


@check
def files_are_served_as_a_model(client):
    with open(FOLDER + "/simple/1/model.onnx", "rb") as file:
        model = file.read()
    config = json.dumps({"max_batch_size": 2})
    client.load_model("sent", config=config, files={"file:5/model.onnx": model})
    equal(states(client, "sent"), [("5", "READY")])
    add(client, "sent", "5")
    client.load_model("simple", config=config, files={"file:9/model.onnx": model})
    comes_to(client, "simple", [("9", "READY")])
    add(client)
    client.unload_model("simple")
    client.unload_model("sent")
    client.load_model("simple")
    comes_to(client, "simple", [("1", "READY"), ("3", "READY")])
    comes_to(client, "sent", [])


def sums(client):
    inputs = [LIBRARY.InferInput(name, [1, 16], "INT32") for name in ("INPUT0", "INPUT1")]
    inputs[0].set_data_from_numpy(A)
    inputs[1].set_data_from_numpy(B)
    same(client.infer("sum_of_sums", inputs).as_numpy("SUM"), A + B + B)


@check
def an_ensemble_comes_and_goes_with_its_models(client):
    equal(states(client, "sum_of_sums"), [("", "")])
    equal(states(client, "adder"), [("", "")])
    client.load_model("sum_of_sums")
    equal(states(client, "adder"), [("1", "READY")])
    sums(client)
    client.unload_model("adder")
    equal(client.is_model_ready("sum_of_sums"), False)
    comes_to(client, "sum_of_sums", [("1", "UNAVAILABLE")])
    reasons = [row["reason"] for row in index(client) if row["name"] == "sum_of_sums"]
    equal(reasons, ["Invalid argument: ensemble 'sum_of_sums' depends on 'adder' which has no loaded version."])
    client.load_model("adder")
    sums(client)
    client.unload_model("sum_of_sums")
    equal(states(client, "adder"), [("1", "READY")])
    client.unload_model("adder")
    client.load_model("sum_of_sums")
    client.unload_model("sum_of_sums", unload_dependents=True)
    comes_to(client, "adder", [("1", "UNAVAILABLE")])
    equal(client.is_model_ready("simple"), True)


@check
def what_cannot_be_loaded_is_refused(client):
    failed = "failed to load '%s', failed to poll from model repository"
    refused("internal", failed % "absent", client.load_model, "absent")
    refused("internal", failed % "simple", client.load_model, "simple", config="{")
    refused("internal", failed % "simple", client.load_model, "simple", files={"file:1/model.onnx": b"x"})
    escaping = {"file:../../x": b"x"}
    refused("internal", failed % "simple", client.load_model, "simple", config="{}", files=escaping)
    wrong = json.dumps({"input": [{"name": "X", "data_type": "TYPE_FP32", "dims": [1]}]})
    text = "load failed for model 'simple': version "
    refused("invalid", text, client.load_model, "simple", config=wrong)
    add(client)
    equal(np.unique([state for _, state in states(client, "simple")]).tolist(), ["READY"])


with LIBRARY.InferenceServerClient(URL) as connected:
    run(connected)
