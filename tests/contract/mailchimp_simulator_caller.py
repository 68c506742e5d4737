"""Plain HTTP calls of the Mailchimp simulator, for its own contract tests."""

from typing import Any

import requests

from pipelines.sandbox.mailchimp.simulator import Mailchimp


class Caller:
    """Plain calls of the simulated API, relative to /3.0, with the key as the password of Basic."""

    def __init__(self, simulator: Mailchimp) -> None:
        self.simulator = simulator
        self.list_id = simulator.list_id
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = ("anybody", simulator.api_key)

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        path = path.replace("LIST", f"/lists/{self.list_id}")
        return self.session.request(method, f"{self.simulator.url}/3.0{path}", timeout=20, **options)
