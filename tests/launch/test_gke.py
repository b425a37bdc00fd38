"""The JobSets that launch/gke.sh prints: their structure, their exit codes, and how JAX finds its peers in them."""

import subprocess
import sys
import types

import pytest

EXAMPLE = ("--config=biggan:imagenet128,table1=8", "--workdir=gs://bucket/row8", "--config.data.data_dir=/data")
TPU = {"IMAGE": "registry/jaxgan:1", "ACCELERATOR": "tpu-v5-lite-podslice", "TOPOLOGY": "4x4"}
GPU = {"IMAGE": "registry/jaxgan:1", "ACCELERATOR": "nvidia-h100-80gb", "HOSTS": "2"}


@pytest.fixture
def rendered(launch):
    yaml = pytest.importorskip("yaml", reason="reading YAML needs PyYAML: pip install pyyaml")

    def render(kind, variables, flags=EXAMPLE):
        done = subprocess.run(
            ["sh", str(launch / "gke.sh"), kind, *flags],
            env=variables | {"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "${" not in done.stdout, "a variable was not filled in"
        return list(yaml.safe_load_all(done.stdout))

    return render


@pytest.mark.parametrize(("kind", "variables", "hosts"), [("tpu", TPU, 4), ("gpu", GPU, 2)])
def test_the_job_trains_and_restarts_by_exit_code(rendered, parse, kind, variables, hosts):
    jobset = rendered(kind, variables)[-1]
    assert (jobset["apiVersion"], jobset["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    assert set(jobset["spec"]) == {"failurePolicy", "replicatedJobs"}
    (replicated,) = jobset["spec"]["replicatedJobs"]
    job = replicated["template"]["spec"]
    assert (job["completionMode"], job["completions"], job["parallelism"]) == ("Indexed", hosts, hosts)
    # podFailurePolicy asks for it.
    assert job["template"]["spec"]["restartPolicy"] == "Never"

    (container,) = job["template"]["spec"]["containers"]
    assert container["command"] == ["jaxgan", "train"]
    assert container["args"] == [*EXAMPLE, "--coordinator=auto"]
    parse([*container["command"][1:], *container["args"]])
    never, again = job["podFailurePolicy"]["rules"]
    for rule in (never, again):
        assert rule["onExitCodes"]["containerName"] == container["name"]
        assert rule["onExitCodes"]["operator"] == "In"
    assert (never["action"], never["onExitCodes"]["values"]) == ("FailJob", [1])
    assert (again["action"], again["onExitCodes"]["values"]) == ("Count", [42, 134, 137, 142, 143])
    # What counts fails the Job at once, and the JobSet starts all its processes; what FailJob ended, it doesn't.
    policy = jobset["spec"]["failurePolicy"]
    assert job["backoffLimit"] == 0 and policy["maxRestarts"] == 100
    (rule,) = policy["rules"]
    assert (rule["action"], rule["onJobFailureReasons"]) == ("FailJobSet", ["PodFailurePolicy"])


@pytest.mark.parametrize(("kind", "variables"), [("tpu", TPU), ("gpu", GPU)])
def test_the_inner_job_is_strictly_valid(rendered, kind, variables):
    validator = pytest.importorskip("kubernetes_validate", reason="needs a validator: pip install kubernetes-validate")
    for document in rendered(kind, variables):
        if document["kind"] == "JobSet":
            (replicated,) = document["spec"]["replicatedJobs"]
            document = {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": document["metadata"],
                **replicated["template"],
            }
        validator.validate(document, "1.31", strict=True)


@pytest.mark.parametrize(
    ("kind", "variables", "named"),
    [
        ("gpu", GPU | {"HOSTS": "0"}, "HOSTS='0'; give a whole number from 1"),
        ("gpu", GPU | {"HOSTS": "abc"}, "HOSTS='abc'; give a whole number from 1"),
        ("gpu", GPU | {"HOSTS": "-2"}, "HOSTS='-2'; give a whole number from 1"),
        ("gpu", GPU | {"CHIPS": "0"}, "CHIPS='0'; give a whole number from 1"),
        ("gpu", GPU | {"MAX_RESTARTS": "many"}, "MAX_RESTARTS='many'; give a whole number"),
        ("gpu", GPU | {"SPOT": "True"}, "SPOT='True'; give true or false"),
        ("tpu", TPU | {"TOPOLOGY": "0x4"}, "TOPOLOGY='0x4'; a slice has a chip or more"),
    ],
)
def test_numbers_that_are_none_are_refused(launch, kind, variables, named):
    done = subprocess.run(
        ["sh", str(launch / "gke.sh"), kind, *EXAMPLE],
        env=variables | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "") and named in done.stderr


def test_tpu_slices_have_their_hosts_and_chips(rendered):
    for topology, chips, hosts in (("4x4", "4", 4), ("2x2x4", "4", 4), ("2x4", "8", 1)):
        jobset = rendered("tpu", TPU | {"TOPOLOGY": topology, "CHIPS": chips})[-1]
        job = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]
        pod = job["template"]["spec"]
        assert job["completions"] == hosts
        assert pod["containers"][0]["resources"]["limits"] == {"google.com/tpu": int(chips)}
        assert pod["nodeSelector"] == {
            "cloud.google.com/gke-tpu-accelerator": "tpu-v5-lite-podslice",
            "cloud.google.com/gke-tpu-topology": topology,
            "cloud.google.com/gke-spot": "true",
        }
        # One process has nobody to meet.
        assert ("--coordinator=auto" in pod["containers"][0]["args"]) == (hosts > 1)


def test_gpu_nodes_are_taken_whole_and_spot_can_be_left_out(rendered):
    jobset = rendered("gpu", GPU | {"SPOT": "false"})[-1]
    pod = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-h100-80gb"}
    assert pod["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": 8}


def test_flags_arrive_as_they_were_given(rendered):
    odd = ("--config=x", '--workdir=gs://b/a "b" \\c&d|e', "--config.a=$HOME '")
    container = rendered("tpu", TPU, odd)[-1]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert container["containers"][0]["args"] == [*odd, "--coordinator=auto"]


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["cpu"], TPU, "tpu or gpu, not 'cpu'"),
        (["tpu"], {"ACCELERATOR": "x", "TOPOLOGY": "4x4"}, "set IMAGE"),
        (["tpu"], TPU | {"TOPOLOGY": "4x"}, "not '4x'"),
        (["tpu"], TPU | {"TOPOLOGY": "3x3"}, "has 9 chips, which CHIPS=4 a host do not divide"),
        (["gpu"], {"IMAGE": "x", "ACCELERATOR": "y"}, "set HOSTS"),
    ],
)
def test_what_is_missing_is_said(launch, arguments, variables, said):
    command = ["sh", str(launch / "gke.sh"), *arguments]
    done = subprocess.run(command, env=variables | {"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert done.returncode == 1 and said in done.stderr and not done.stdout


def test_jax_finds_the_processes_with_the_rights_that_the_role_gives(rendered, monkeypatch):
    role, binding, jobset = rendered("gpu", GPU)
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    pod_spec = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert binding["subjects"][0]["name"] == pod_spec["serviceAccountName"]
    allowed = {(r["resources"][0], verb) for r in role["rules"] for verb in r["verbs"]}

    # A Kubernetes API that knows the JobSet's second pod and its job, and refuses all else.
    def record(**fields):
        return types.SimpleNamespace(**fields)

    name = jobset["metadata"]["name"]
    spec = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]
    job = record(
        metadata=record(name=f"{name}-train-0", labels={"jobset.sigs.k8s.io/jobset-name": name}),
        spec=record(parallelism=spec["parallelism"]),
    )
    owner = record(controller=True, kind="Job")
    pod = record(metadata=record(name="p", labels={"job-name": f"{name}-train-0"}, owner_references=[owner]))

    class Core:
        def list_namespaced_pod(self, namespace, field_selector):
            assert ("pods", "list") in allowed
            return record(items=[pod])

    class Batch:
        def read_namespaced_job(self, name, namespace):
            assert ("jobs", "get") in allowed
            return job

    client = record(CoreV1Api=Core, BatchV1Api=Batch, exceptions=record(ApiException=RuntimeError))
    kubernetes = types.ModuleType("kubernetes")
    kubernetes.client, kubernetes.config = client, record(load_incluster_config=lambda: None)
    monkeypatch.setitem(sys.modules, "kubernetes", kubernetes)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("HOSTNAME", "localhost")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")

    cluster = pytest.importorskip("jax._src.clusters", reason="JAX keeps its detection elsewhere now").K8sCluster
    monkeypatch.setattr(cluster, "_namespace", classmethod(lambda cls: "default"))
    assert cluster.is_env_present()
    assert cluster.get_coordinator_address(None, None) == f"{name}-train-0-0.{name}:55527"
    assert (cluster.get_process_count(), cluster.get_process_id()) == (2, 1)
    # No number on the host, so that JAX leaves the process all of the node's GPUs.
    assert cluster.get_local_process_id() is None
