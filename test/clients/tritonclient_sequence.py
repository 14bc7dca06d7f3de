"""Drives sequences on a running server with NVIDIA's own Python clients: HTTP, gRPC, and a stream of gRPC.

    pip install "tritonclient[http,grpc]" numpy
    node test/clients/repository.ts /tmp/repository
    galatea serve --model-repository /tmp/repository
    python test/clients/tritonclient_sequence.py http 127.0.0.1:8000
    python test/clients/tritonclient_sequence.py grpc 127.0.0.1:8001

Every check is counted; the last line is "N passed, N failed", and the exit code is 1 if one failed.
"""

import queue
import sys
import time

import numpy as np
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
from tritonclient.utils import InferenceServerException

from checks import check, equal, run

PROTOCOL = sys.argv[1] if len(sys.argv) > 1 else "http"
URL = sys.argv[2] if len(sys.argv) > 2 else ("127.0.0.1:8000" if PROTOCOL == "http" else "127.0.0.1:8001")
client_module = http_client if PROTOCOL == "http" else grpc_client
LARGEST = 2**64 - 1
# The client packs ids into 64 bits with a sign over gRPC.
SENT_AS_LARGEST = LARGEST if PROTOCOL == "http" else -1


def value(number, rows=1):
    array = np.full((rows, 1), number, dtype=np.int32)
    return [client_module.InferInput("INPUT", [rows, 1], "INT32").set_data_from_numpy(array)]


def step(client, sequence, number, start=False, end=False, model="accumulate", rows=1):
    answer = client.infer(
        model, value(number, rows), sequence_id=sequence, sequence_start=start, sequence_end=end
    )
    return answer.as_numpy("OUTPUT").item(0), answer


def refused(text, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except InferenceServerException as error:
        equal(error.message(), text, "error")
        return
    raise AssertionError("not refused")


@check
def one_sequence_adds_up(client):
    sums = [step(client, 1001, n, n == 1, n == 9)[0] for n in range(1, 10)]
    equal(sums, [1, 3, 6, 10, 15, 21, 28, 36, 45])


@check
def sequences_do_not_meet(client):
    for i in range(3):
        for sequence in (11, 12, 13):
            total, _ = step(client, sequence, sequence + i, i == 0, i == 2)
            equal(total, sum(sequence + k for k in range(i + 1)), f"step {i} of {sequence}")


@check
def a_sequence_of_one_step(client):
    equal(step(client, 5, 7, True, True)[0], 7)
    equal(step(client, 5, 8, True, True)[0], 8)


@check
def ids_have_64_bits(client):
    total, answer = step(client, SENT_AS_LARGEST, 4, True)
    equal((total, answer.as_numpy("SEEN_CORRID").item(0)), (4, LARGEST))
    total, answer = step(client, SENT_AS_LARGEST, 5, False, True)
    equal((total, answer.as_numpy("SEEN_CORRID").item(0)), (9, LARGEST))


@check
def ids_are_text(client):
    for number, start, end in ((1, True, False), (2, False, False), (3, False, True)):
        total, answer = step(client, "grün-0001", number, start, end, "accumulate_text")
        seen = answer.as_numpy("SEEN_CORRID").item(0)
        equal((total, seen.decode()), (sum(range(1, number + 1)), "grün-0001"))
    refused(
        "[request id: <id_unknown>] sequence batching control 'CORRID' data-type is 'UINT64', but model "
        "'accumulate_text' expects 'BYTES'",
        step, client, 7, 1, True, False, "accumulate_text",
    )
    refused(
        "[request id: <id_unknown>] sequence batching control 'CORRID' data-type is 'BYTES', but model "
        "'accumulate' expects 'UINT64'",
        step, client, "7", 1, True,
    )


@check
def models_are_told_what_steps_are(client):
    told = []
    for start, end in ((True, False), (False, False), (False, True)):
        _, answer = step(client, 21, 1, start, end)
        told.append(tuple(int(answer.as_numpy(f"SEEN_{name}").item(0)) for name in ("START", "END", "READY")))
    equal(told, [(1, 0, 1), (0, 0, 1), (0, 1, 1)])


@check
def a_step_without_a_sequence_is_refused(client):
    text = (
        "inference request for sequence 31 to model 'accumulate' must specify the START flag on the first request of "
        "the sequence"
    )
    refused(text, step, client, 31, 1)
    refused(text, step, client, 31, 1, False, True)
    step(client, 31, 1, True, True)
    refused(text, step, client, 31, 1)


@check
def a_start_begins_anew(client):
    equal([step(client, 41, 1, True)[0], step(client, 41, 2)[0], step(client, 41, 5, True)[0]], [1, 3, 5])
    equal(step(client, 41, 6, False, True)[0], 11)


@check
def a_request_needs_an_id_and_one_row(client):
    text = "inference request to model 'accumulate' must specify a non-zero or non-empty correlation ID"
    refused(text, step, client, 0, 1, True)
    refused(text, client.infer, "accumulate", value(1))
    refused(
        "inference request to model 'accumulate' must specify batch-size 1 due to requirements of sequence batcher",
        step, client, 51, 1, True, False, "accumulate", 2,
    )


def stream_adds_up(client):
    """All steps of three sequences at once, in turns; and a fourth sequence that nobody has begun."""
    answers = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    for i in range(5):
        for sequence in (61, 62, 63):
            client.async_stream_infer(
                "accumulate", value(sequence * (i + 1)), request_id=f"{sequence}:{i}", sequence_id=sequence,
                sequence_start=i == 0, sequence_end=i == 4,
            )
    client.async_stream_infer("accumulate", value(1), sequence_id=64)
    sums = {}
    for _ in range(15):
        result, error = answers.get(timeout=30)
        equal(error, None, "error")
        sequence, i = result.get_response().id.split(":")
        sums.setdefault(int(sequence), []).append((int(i), result.as_numpy("OUTPUT").item(0)))
    for sequence in (61, 62, 63):
        equal(sums[sequence], [(i, sequence * (i + 1) * (i + 2) // 2) for i in range(5)], f"sequence {sequence}")
    _, error = answers.get(timeout=30)
    equal("must specify the START flag" in error.message(), True, "error")
    client.stop_stream()


def a_stream_that_is_cancelled_leaves_the_slots(client):
    """The slots of all sequences of a stream whose client has gone are free for others."""
    for turn in range(3):
        answers = queue.Queue()
        client.start_stream(callback=lambda result, error: answers.put((result, error)))
        client.async_stream_infer("accumulate", value(1), sequence_id=70 + turn, sequence_start=True)
        result, error = answers.get(timeout=30)
        equal((error, result.as_numpy("OUTPUT").item(0)), (None, 1))
        client.stop_stream(cancel_requests=True)
        time.sleep(0.05)
        equal(step(client, 70 + turn, 2, False, True)[0], 3)


if __name__ == "__main__":
    if PROTOCOL == "grpc":
        check(stream_adds_up)
        check(a_stream_that_is_cancelled_leaves_the_slots)
    with client_module.InferenceServerClient(URL) as connected:
        run(connected)
