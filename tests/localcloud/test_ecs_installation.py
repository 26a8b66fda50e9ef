"""The strict control plane replaces moto's handlers, and restores them."""

from __future__ import annotations

import moto.ecs.urls
import moto.servicediscovery.urls
import pytest
from moto.ecs.responses import EC2ContainerServiceResponse

from localcloud.clock import ManualClock
from localcloud.strict import install, mock_account
from localcloud.tasks.scripted import ScriptedRuntime
from localcloud.timings import TEST


def test_motos_handlers_are_restored() -> None:
    before = dict(moto.ecs.urls.url_paths), dict(moto.servicediscovery.urls.url_paths)
    with mock_account():
        assert before != (moto.ecs.urls.url_paths, moto.servicediscovery.urls.url_paths)
    assert before == (moto.ecs.urls.url_paths, moto.servicediscovery.urls.url_paths)
    handler = moto.ecs.urls.url_paths["{0}/$"]
    assert handler.__self__ is EC2ContainerServiceResponse


def test_another_version_of_moto_is_an_error_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(moto.ecs.urls, "url_paths", {"{0}/ecs$": print})
    with (
        pytest.raises(RuntimeError, match=r"moto\.ecs\.urls has no handler"),
        mock_account(),
    ):
        pass


def test_one_control_plane_at_a_time() -> None:
    clock = ManualClock()
    with (
        mock_account() as plane,
        pytest.raises(RuntimeError, match="already installed"),
        install(clock, TEST, ScriptedRuntime(clock), plane.account),
    ):
        pass


def test_two_accounts_one_after_the_other_share_nothing() -> None:
    for _ in range(2):
        with mock_account() as plane:
            assert list(plane.ecs.clusters.all()) == []
            plane.ecs.clusters.create({"clusterName": "shop"})
