"""API keys as tritonclient sends them: PROTOCOL ADDRESS KEY_OF_ALL KEY_OF_READER."""
import importlib
import sys

import numpy as np

protocol, address, key, reader = sys.argv[1:]
client = importlib.import_module(f"tritonclient.{protocol}")
from tritonclient.utils import InferenceServerException

server = client.InferenceServerClient(address)


def inputs():
    made = []
    for name in ("INPUT0", "INPUT1"):
        tensor = client.InferInput(name, [1, 16], "INT32")
        tensor.set_data_from_numpy(np.ones((1, 16), dtype=np.int32))
        made.append(tensor)
    return made


def refused(ask):
    try:
        ask()
    except InferenceServerException as error:
        return f"{error.status()}: {error.message()}"
    return "answered"


assert server.is_server_live()
for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}):
    answer = server.infer("simple", inputs(), headers=headers)
    assert (answer.as_numpy("OUTPUT0") == 2).all()
none, denied = ("401", "403") if protocol == "http" else ("StatusCode.UNAUTHENTICATED", "StatusCode.PERMISSION_DENIED")
said = refused(lambda: server.infer("simple", inputs()))
assert said.startswith(none) and "wants an API key" in said, said
said = refused(lambda: server.infer("simple", inputs(), headers={"authorization": f"Bearer {reader}"}))
assert said.startswith(denied) and "may not 'infer'" in said and reader not in said, said
assert server.get_model_metadata("simple", headers={"x-api-key": reader})
print("5 passed, 0 failed")
