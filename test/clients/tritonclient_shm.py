"""Moves tensors through shared memory of a running server's machine with NVIDIA's own Python clients.

    pip install "tritonclient[http,grpc]" numpy
    node test/clients/repository.ts /tmp/repository
    galatea serve --model-repository /tmp/repository --allow-client-shm=true
    python test/clients/tritonclient_shm.py http 127.0.0.1:8000
    python test/clients/tritonclient_shm.py grpc 127.0.0.1:8001

Every check is counted; the last line is "N passed, N failed", and the exit code is 1 if one failed.
"""

import os
import sys
from contextlib import contextmanager

import numpy as np
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

from checks import A, B, check, equal, run, same

PROTOCOL = sys.argv[1] if len(sys.argv) > 1 else "http"
URL = sys.argv[2] if len(sys.argv) > 2 else ("127.0.0.1:8000" if PROTOCOL == "http" else "127.0.0.1:8001")
client_module = http_client if PROTOCOL == "http" else grpc_client
PREFIX = f"/shm_check_{os.getpid()}_"


@contextmanager
def region(client, name, byte_size, register=True):
    """Shared memory that is gone afterwards, also where the check fails."""
    key = PREFIX + name
    handle = shm.create_shared_memory_region(name, key, byte_size)
    try:
        if register:
            client.register_system_shared_memory(name, key, byte_size)
        yield handle
    finally:
        client.unregister_system_shared_memory(name)
        shm.destroy_shared_memory_region(handle)


def refused(status, text, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except InferenceServerException as error:
        expected = status[0] if PROTOCOL == "http" else f"StatusCode.{status[1]}"
        equal((error.status(), error.message()), (expected, text), "error")
        return
    raise AssertionError("not refused")


def names(client):
    status = client.get_system_shared_memory_status()
    return [one["name"] for one in status] if PROTOCOL == "http" else list(status.regions)


def place_input(name, shape, datatype, where, byte_size, offset=0):
    tensor = client_module.InferInput(name, list(shape), datatype)
    tensor.set_shared_memory(where, byte_size, offset)
    return tensor


def place_output(name, where, byte_size, offset=0):
    output = client_module.InferRequestedOutput(name)
    output.set_shared_memory(where, byte_size, offset)
    return output


@check
def regions_come_and_go(client):
    equal(names(client), [], "at first")
    with region(client, "one", 64), region(client, "two", 128):
        equal(sorted(names(client)), ["one", "two"], "registered")
        status = client.get_system_shared_memory_status("two")
        two = status[0] if PROTOCOL == "http" else status.regions["two"]
        key, offset, byte_size = (
            (two["key"], two["offset"], two["byte_size"]) if PROTOCOL == "http" else (two.key, two.offset, two.byte_size)
        )
        equal((key, offset, byte_size), (PREFIX + "two", 0, 128), "status")
        client.unregister_system_shared_memory()
        equal(names(client), [], "at last")


@check
def what_cannot_be_registered_is_refused(client):
    with region(client, "one", 64):
        key = PREFIX + "one"
        register = client.register_system_shared_memory
        refused(("400", "ALREADY_EXISTS"), "shared memory region 'one' already in manager", register, "one", key, 64)
        text = "failed to register shared memory region 'two': invalid args"
        refused(("400", "INVALID_ARGUMENT"), text, register, "two", key, 65)
        refused(("400", "INVALID_ARGUMENT"), text, register, "two", key, 2**63, 2**63)
        for wrong in ("/none", "/../etc/passwd", "../../etc/passwd", "/dev/null"):
            text = f"Unable to open shared memory region: '{wrong}'"
            refused(("500", "INTERNAL"), text, register, "two", wrong, 1)
    refused(
        ("404", "NOT_FOUND"),
        "Unable to find system shared memory region: 'one'",
        client.get_system_shared_memory_status,
        "one",
    )


@check
def inputs_and_outputs_in_one_region_each(client):
    with region(client, "in", 128) as given, region(client, "out", 128) as taken:
        shm.set_shared_memory_region(given, [A, B])
        inputs = [place_input("INPUT0", (1, 16), "INT32", "in", 64), place_input("INPUT1", (1, 16), "INT32", "in", 64, 64)]
        outputs = [place_output("OUTPUT0", "out", 64), place_output("OUTPUT1", "out", 64, 64)]
        result = client.infer("simple", inputs, outputs=outputs)
        same(shm.get_contents_as_numpy(taken, np.int32, [1, 16]), A + B)
        same(shm.get_contents_as_numpy(taken, np.int32, [1, 16], 64), A - B)
        answer = result.get_response()
        if PROTOCOL == "http":
            keys = [sorted(output) for output in answer["outputs"]]
            equal(keys, [["datatype", "name", "shape"]] * 2, "outputs in the answer")
        else:
            equal([output.name for output in answer.outputs], ["OUTPUT0", "OUTPUT1"], "outputs in the answer")
            equal(list(answer.raw_output_contents), [b"", b""], "data in the answer")


@check
def beside_tensors_in_the_request(client):
    with region(client, "in", 64) as given, region(client, "out", 64) as taken:
        shm.set_shared_memory_region(given, [A])
        plain = client_module.InferInput("INPUT1", [1, 16], "INT32").set_data_from_numpy(B)
        inputs = [place_input("INPUT0", (1, 16), "INT32", "in", 64), plain]
        outputs = [client_module.InferRequestedOutput("OUTPUT0"), place_output("OUTPUT1", "out", 64)]
        result = client.infer("simple", inputs, outputs=outputs)
        same(result.as_numpy("OUTPUT0"), A + B)
        same(shm.get_contents_as_numpy(taken, np.int32, [1, 16]), A - B)


@check
def a_megabyte_there_and_back(client):
    array = np.random.default_rng(1).random((4, 700_000), dtype=np.float32)
    with region(client, "in", array.nbytes) as given, region(client, "out", array.nbytes) as taken:
        shm.set_shared_memory_region(given, [array])
        inputs = [place_input("INPUT0", array.shape, "FP32", "in", array.nbytes)]
        client.infer("identity_wide", inputs, outputs=[place_output("OUTPUT0", "out", array.nbytes)])
        same(shm.get_contents_as_numpy(taken, np.float32, array.shape), array)


@check
def strings(client):
    words = np.array([[b"one", b"", "zwölf".encode(), b"x" * 40] * 4], dtype=object)
    serialized = serialize_byte_tensor(words)
    with region(client, "in", 1000) as given, region(client, "out", 1000) as taken:
        shm.set_shared_memory_region(given, [serialized])
        inputs = [place_input("INPUT0", words.shape, "BYTES", "in", len(serialized.item()))]
        client.infer("identity_bytes", inputs, outputs=[place_output("OUTPUT0", "out", 1000)])
        same(shm.get_contents_as_numpy(taken, np.object_, list(words.shape)), words)


@check
def an_ensemble(client):
    with region(client, "in", 128) as given, region(client, "out", 64) as taken:
        shm.set_shared_memory_region(given, [A, B])
        inputs = [place_input("INPUT0", (1, 16), "INT32", "in", 64), place_input("INPUT1", (1, 16), "INT32", "in", 64, 64)]
        client.infer("sum_of_sums", inputs, outputs=[place_output("SUM", "out", 64)])
        same(shm.get_contents_as_numpy(taken, np.int32, [1, 16]), A + B + B)


@check
def a_sequence(client):
    with region(client, "in", 4) as given, region(client, "out", 4) as taken:
        sums = []
        for n in (1, 2, 3):
            shm.set_shared_memory_region(given, [np.full((1, 1), n, dtype=np.int32)])
            client.infer(
                "accumulate",
                [place_input("INPUT", (1, 1), "INT32", "in", 4)],
                outputs=[place_output("OUTPUT", "out", 4)],
                sequence_id=77,
                sequence_start=n == 1,
                sequence_end=n == 3,
            )
            sums.append(shm.get_contents_as_numpy(taken, np.int32, [1, 1]).item(0))
        equal(sums, [1, 3, 6], "sums")


@check
def what_does_not_fit_is_refused(client):
    with region(client, "r", 64) as handle:
        shm.set_shared_memory_region(handle, [A])
        plain = client_module.InferInput("INPUT1", [1, 16], "INT32").set_data_from_numpy(B)

        def infer(input0, outputs=None):
            client.infer("simple", [input0, plain], outputs=outputs)

        invalid = ("400", "INVALID_ARGUMENT")
        at = lambda where, byte_size, offset=0: place_input("INPUT0", (1, 16), "INT32", where, byte_size, offset)
        refused(("404", "NOT_FOUND"), "Unable to find shared memory region: 'none'", infer, at("none", 64))
        refused(invalid, "Invalid offset for shared memory region: 'r'", infer, at("r", 64, 64))
        refused(invalid, "Invalid offset + byte size for shared memory region: 'r'", infer, at("r", 64, 4))
        short = (
            "[request id: <id_unknown>] input byte size mismatch for input 'INPUT0' for model 'simple'. "
            "Expected 64, got 60"
        )
        refused(invalid, short, infer, at("r", 60))
        refused(
            ("500", "INTERNAL"),
            "shared memory size specified with the request for output 'OUTPUT0' (60 bytes) should be at least 64 bytes "
            "to hold the results",
            infer,
            at("r", 64),
            [place_output("OUTPUT0", "r", 60)],
        )
        same(shm.get_contents_as_numpy(handle, np.int32, [1, 16]), A, "untouched")


@check
def cuda_shared_memory_is_not_supported(client):
    status = client.get_cuda_shared_memory_status()
    equal(len(status if PROTOCOL == "http" else status.regions), 0, "regions")
    refused(
        ("400", "INVALID_ARGUMENT"),
        "failed to register CUDA shared memory region: 'c', GPUs not supported",
        client.register_cuda_shared_memory,
        "c",
        b"AAAA",
        0,
        64,
    )
    client.unregister_cuda_shared_memory()


run(client_module.InferenceServerClient(URL))
