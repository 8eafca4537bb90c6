#!/usr/bin/env bash
# Check the pipeline on a cluster: apply an overlay, run profile `test` in it, compare the run's hash with that of a run
# on this machine, and delete everything again. See `usage` below.
set -euo pipefail

usage() {
  cat <<'END'
Usage: k8s/check.sh [OPTIONS]

Runs the whole chain at profile `test` in the cluster of the present kubectl context, and compares the hash of the run
with that of the same run on this machine. The checkout must be committed, and the image must hold its code.

Options:
  --overlay NAME   overlay of k8s/overlays to apply (default: local, with an S3 server in the cluster)
  --image IMAGE    image of the stages and servers, by tag or digest (default: videopoet:cpu)
  --remote URL     DVC remote that pods and this machine reach by the same address, with AWS_ACCESS_KEY_ID and
                   AWS_SECRET_ACCESS_KEY in the environment (default with `local`: the S3 server in the cluster)
  --expect HASH    first 10 digits of the expected hash (default: run profile `test` on this machine first)
  --no-apply       use the namespace videopoet as it is: apply and delete nothing; needs --remote
  --keep           keep the namespace and the checkouts, to look at a failure
  --help           show this message

Needs kubectl, git, and an environment with `pip install -e '.[cluster]'` (.venv, or the one that PYTHON names).
With `local`, the name s3 must mean this machine: add the line `127.0.0.1 s3` to /etc/hosts.
Exit codes: 0 equal hashes, 1 other hashes or a failed run, 64 wrong use.
END
}

refuse() {
  echo "k8s/check.sh: $1" >&2
  exit 64
}

unset "${!VIDEOPOET_@}" "${!PREFECT_@}" # of another checkout
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
namespace=videopoet
overlay=local image=videopoet:cpu remote='' expected='' apply=yes keep=no
while (($#)); do
  case $1 in
    --overlay | --image | --remote | --expect)
      (($# > 1)) || refuse "$1 needs a value"
      case $1 in
        --overlay) overlay=$2 ;;
        --image) image=$2 ;;
        --remote) remote=$2 ;;
        --expect) expected=$2 ;;
      esac
      shift 2
      ;;
    --no-apply) apply=no && shift ;;
    --keep) keep=yes && shift ;;
    --help | -h) usage && exit 0 ;;
    *) refuse "unknown option $1: see k8s/check.sh --help" ;;
  esac
done

python=${PYTHON:-$root/.venv/bin/python}
[[ -d $root/k8s/overlays/$overlay ]] || refuse "there is no overlay $overlay in k8s/overlays"
[[ -z $expected || $expected =~ ^[0-9a-f]{10}$ ]] || refuse "--expect needs the first 10 hex digits of a run's hash"
[[ -n $remote || ($overlay == local && $apply == yes) ]] || refuse "name a DVC remote that pods can reach: --remote URL"
[[ -z $remote || -n ${AWS_ACCESS_KEY_ID:-} || $remote != s3://* ]] || refuse "set AWS_ACCESS_KEY_ID for the remote"
[[ -n $(command -v kubectl) ]] || refuse "kubectl is not installed"
[[ -x $(command -v "$python") ]] || refuse "$python does not exist: run make setup, or set PYTHON"
[[ -z $(git -C "$root" status --porcelain --untracked-files=no) ]] || refuse "commit your changes first"
if [[ -z $remote ]] && ! grep -qE '^127\.[0-9.]+\s(.*\s)?s3(\s|$)' "${HOSTS:-/etc/hosts}"; then
  refuse "add the line \`127.0.0.1 s3\` to ${HOSTS:-/etc/hosts}"
fi
if [[ $apply == yes ]] && kubectl get namespace "$namespace" >/dev/null 2>&1; then
  refuse "the namespace $namespace is in use: delete it, or check it as it is with --no-apply --remote URL"
fi

work=$(mktemp --directory)
applied=no forward=''

# shellcheck disable=SC2317 # the trap calls it
clean_up() {
  if [[ -n $forward ]]; then kill "$forward" 2>/dev/null || true; fi
  if [[ $keep == yes ]]; then
    echo "kept: the checkouts in $work$([[ $applied == yes ]] && echo ", the namespace $namespace")"
    return
  fi
  if [[ $applied == yes ]]; then
    echo "deleting the namespace $namespace"
    kubectl delete --kustomize "$work/there/k8s/overlays/check" --ignore-not-found --timeout 5m >/dev/null || true
  fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

checkout() { # a clean one, at profile `test`
  git clone --quiet "$root" "$1"
  videopoet "$1" profile test >/dev/null
}

videopoet() { # in a checkout, by its own code
  local folder=$1
  shift
  (cd "$folder" && "$python" -m flows.cli "$@")
}

hash_of() { # of the newest run of a checkout
  videopoet "$1" runs | head -n 1 | cut -c 1-10
}

secret() { # NAME KEY=VALUE …: create it, with values that no command line shows
  local name=$1 pair folder
  shift
  folder=$(mktemp --directory --tmpdir="$work")
  for pair in "$@"; do printf '%s' "${pair#*=}" >"$folder/${pair%%=*}"; done
  kubectl --namespace "$namespace" create secret generic "$name" --from-file "$folder" >/dev/null
  rm -r "$folder"
}

random() { od --address-radix=n --read-bytes=24 --format=x1 /dev/urandom | tr -d ' \n'; }

apply() {
  mkdir "$work/there/k8s/overlays/check"
  local name=${image%%@*} tag=''
  case $image in
    *@*) tag="digest: ${image#*@}" ;;
    *) if [[ ${image##*/} == *:* ]]; then name=${image%:*} tag="newTag: '${image##*:}'"; fi ;;
  esac
  printf '%s\n' 'apiVersion: kustomize.config.k8s.io/v1beta1' 'kind: Kustomization' "resources: [../$overlay]" \
    "images: [{name: videopoet, newName: $name${tag:+, $tag}}]" >"$work/there/k8s/overlays/check/kustomization.yaml"
  export AWS_ACCESS_KEY_ID="${AWS_ACCESS_KEY_ID:-$(random)}" AWS_SECRET_ACCESS_KEY="${AWS_SECRET_ACCESS_KEY:-$(random)}"
  applied=yes
  kubectl create namespace "$namespace" >/dev/null
  secret videopoet-remote "AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY"
  secret videopoet-postgres username=videopoet "password=$(random)"
  secret videopoet-prefect "auth=videopoet:$(random)"
  kubectl apply --kustomize "$work/there/k8s/overlays/check" >/dev/null
  for server in statefulset/postgres deployment/prefect deployment/mlflow; do
    kubectl --namespace "$namespace" rollout status --timeout=10m "$server" >/dev/null
  done
  if [[ -z $remote ]]; then serve_s3; fi
}

serve_s3() { # reach the S3 server of the overlay by the name that pods use, and make its bucket
  kubectl --namespace "$namespace" rollout status --timeout=10m deployment/s3 >/dev/null
  kubectl --namespace "$namespace" port-forward service/s3 9000 >/dev/null 2>&1 &
  forward=$!
  local code='import s3fs; s3fs.S3FileSystem(client_kwargs={"endpoint_url": "http://s3:9000"}).mkdir("videopoet")'
  for _ in {1..30}; do
    if "$python" -c "$code" 2>"$work/s3.log"; then return; fi
    sleep 2
  done
  cat "$work/s3.log" >&2
  exit 1
}

use_remote() {
  cd "$work/there"
  "$python" -m dvc remote add --quiet --force --default check "${remote:-s3://videopoet/check}"
  if [[ -z $remote ]]; then "$python" -m dvc remote modify --quiet check endpointurl http://s3:9000; fi
  cd "$root"
}

echo "checking $(git -C "$root" describe --always) on $(kubectl config current-context) with overlay $overlay"
if [[ -z $expected ]]; then
  checkout "$work/here"
  echo "running profile test on this machine"
  videopoet "$work/here" run >"$work/here.log" 2>&1 || { tail "$work/here.log" >&2; exit 1; }
  expected=$(hash_of "$work/here")
fi
checkout "$work/there"
if [[ $apply == yes ]]; then apply; fi
use_remote
sed --in-place --regexp-extended "s#^( +image:) [^ ]+#\1 $image#" "$work/there/k8s/placement.yaml"
echo "running profile test in the cluster"
videopoet "$work/there" run --on kubernetes || exit 1
found=$(hash_of "$work/there")
echo "here $expected, in the cluster $found"
if [[ $found == "$expected" ]]; then
  echo "OK: the hashes are equal"
  exit 0
fi
echo "DIFFERENT: another processor model or number of threads may give other bytes, any other difference is a fault" >&2
if [[ -d $work/here ]]; then
  cp --recursive "$work/here/.videopoet/runs/$expected" "$work/there/.videopoet/runs/"
  videopoet "$work/there" runs diff "$expected" "$found" >&2 || true
fi
exit 1
