"""Which answers of a cluster may pass, and which a person must see."""

from threading import Event

import pytest

from flows.kubernetes.client import Cluster

NAMESPACE = "videopoet"
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "one"}, "spec": {"clusterIP": "None"}}


@pytest.mark.parametrize("status", [408, 410, 429, 503])
def test_what_may_pass_is_tried_again(cluster, status):
    cluster.api.faults.answers = [status]
    assert Cluster(NAMESPACE, Event()).job("none") is None
    assert cluster.api.seen.count("FETCH jobs") == 2


def test_what_is_there_already_is_no_fault(cluster):
    ours = Cluster(NAMESPACE, Event())
    assert [ours.create(SERVICE), ours.create(SERVICE)] == [True, False]


def test_a_namespace_that_is_not_there_is_named(cluster):
    cluster.api.faults.answers = [404]
    with pytest.raises(ValueError, match=r"the cluster has no namespace `videopoet`: create it as in k8s/README\.md"):
        Cluster(NAMESPACE, Event()).create(SERVICE)


@pytest.mark.parametrize("status", [400, 422])
def test_what_it_does_not_take_is_told_in_its_words_and_not_tried_again(cluster, status):
    cluster.api.faults.answers = [status]
    with pytest.raises(ValueError, match=r"the cluster rejected the request: .*ordered by the test"):
        Cluster(NAMESPACE, Event()).create(SERVICE)
    assert not cluster.api.faults.answers
    assert len(cluster.api.seen) == 1
