"""The Kubernetes manifests: by schema, and by the rules that no schema knows."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from shared.config import Settings
from shared.contracts.topics import TOPICS

ROOT = Path(__file__).parents[2]
OVERLAYS = sorted(path.name for path in (ROOT / "deploy/k8s/overlays").iterdir())
SERVICES = {"ingest", "graph", "email", "visionboard", "gateway"}
OTHERS_KINDS = {
    "ScaledObject",
    "ServiceMonitor",
}  # their schemas are not Kubernetes' own; `make k8s-verify` checks them


@cache
def manifests(overlay):
    kubectl = Path(sys.executable).parent / "kubectl"
    built = subprocess.run(
        [kubectl, "kustomize", ROOT / "deploy/k8s/overlays" / overlay], check=True, capture_output=True, text=True
    )
    return tuple(yaml.safe_load_all(built.stdout))


def of_kind(overlay, kind):
    return {one["metadata"]["name"]: one for one in manifests(overlay) if one["kind"] == kind}


def pods(overlay):
    workloads = {**of_kind(overlay, "Deployment"), **of_kind(overlay, "Job")}
    return {name: one["spec"]["template"] for name, one in workloads.items()}


pytestmark = pytest.mark.parametrize("overlay", OVERLAYS)


def test_every_manifest_is_valid_by_its_schema(overlay):
    checked = [one for one in manifests(overlay) if one["kind"] not in OTHERS_KINDS]
    for one in checked:
        kubernetes_validate.validate(one, "1.37", strict=True)
    assert len(checked) > 20


def test_each_service_is_deployed_scaled_and_protected_from_disruption(overlay):
    scaled = {
        one["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for one in of_kind(overlay, kind).values()
    }
    assert of_kind(overlay, "Deployment").keys() == SERVICES
    assert scaled == SERVICES
    assert of_kind(overlay, "PodDisruptionBudget").keys() == SERVICES


def test_an_autoscaler_alone_says_how_many(overlay):
    for one in of_kind(overlay, "Deployment").values():
        assert "replicas" not in one["spec"], "an apply would undo what the autoscaler did"
    for one in of_kind(overlay, "HorizontalPodAutoscaler").values():
        assert 1 <= one["spec"]["minReplicas"] <= one["spec"]["maxReplicas"]


def test_workers_scale_on_lag_of_their_own_topics_and_never_beyond_the_partitions(overlay):
    for name, one in of_kind(overlay, "ScaledObject").items():
        # A topic of one partition is read by one worker, however many there are.
        read = {topic.name for topic in TOPICS.values() if name in topic.readers and topic.partitions > 1}
        triggers = one["spec"]["triggers"]
        assert {trigger["metadata"]["topic"] for trigger in triggers} == read
        assert {trigger["metadata"]["consumerGroup"] for trigger in triggers} == {name}
        assert one["spec"]["minReplicaCount"] <= one["spec"]["maxReplicaCount"]
        assert one["spec"]["maxReplicaCount"] <= min(TOPICS[topic].partitions for topic in read)


def test_every_pod_is_restricted(overlay):
    for pod in pods(overlay).values():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}


def test_every_container_asks_for_what_it_needs_and_names_a_version(overlay):
    for pod in pods(overlay).values():
        for container in pod["spec"]["containers"]:
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]
            assert ":" in container["image"]
            assert not container["image"].endswith(":latest")


def test_every_service_is_probed_and_gets_time_to_drain(overlay):
    for one in of_kind(overlay, "Deployment").values():
        spec = one["spec"]["template"]["spec"]
        assert spec["terminationGracePeriodSeconds"] > 25
        for container in spec["containers"]:
            assert container["startupProbe"]["httpGet"]["path"] == "/livez"
            assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_every_port_that_is_spoken_of_is_open_in_the_pod(overlay):
    open_ports = {
        name: {port["name"] for container in pod["spec"]["containers"] for port in container.get("ports", ())}
        for name, pod in pods(overlay).items()
    }
    for name, one in of_kind(overlay, "Service").items():
        assert {port["targetPort"] for port in one["spec"]["ports"]} <= open_ports[name]
    for one in of_kind(overlay, "Ingress").values():
        for rule in one["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = of_kind(overlay, "Service")[path["backend"]["service"]["name"]]
                assert path["backend"]["service"]["port"]["name"] in {p["name"] for p in service["spec"]["ports"]}


def test_nothing_enters_or_leaves_but_what_is_named(overlay):
    policies = of_kind(overlay, "NetworkPolicy")
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    granted = {
        label
        for policy in policies.values()
        for label in policy["spec"]["podSelector"].get("matchLabels", {})
        if label.startswith("tastegraph/")
    }
    wanted = {
        label
        for pod in pods(overlay).values()
        for label in pod["metadata"]["labels"]
        if label.startswith("tastegraph/")
    }
    assert granted == wanted


def test_only_the_picture_fetcher_leaves_and_never_to_a_private_range(overlay):
    for name, policy in of_kind(overlay, "NetworkPolicy").items():
        for rule in policy["spec"].get("egress", ()):
            for peer in rule["to"]:
                assert ("ipBlock" in peer) == (name == "fetches-pictures")
    (rule,) = of_kind(overlay, "NetworkPolicy")["fetches-pictures"]["spec"]["egress"]
    private = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10"}
    assert private <= set(rule["to"][0]["ipBlock"]["except"])


def test_the_settings_are_ones_that_exist(overlay):
    known = {f"TASTEGRAPH_{name.upper()}" for name in Settings.model_fields}
    assert of_kind(overlay, "ConfigMap")["tastegraph-settings"]["data"].keys() <= known


def test_no_secret_stands_in_the_manifests(overlay):
    assert of_kind(overlay, "Secret") == {}
