#!/usr/bin/env bash
# Build the image videopoet:cpu on a machine with podman, also on one that reaches no registry of images: the base is
# then made from Debian's packages. Layers are kept, so that a second build after a change of code takes seconds.
#
#   k8s/image.sh            TORCH_INDEX=URL names an index with a CPU build of torch, if pip here is not set up for one
#
# pip's own settings (certificates, folders with wheels) are lent to the build; they do not get into the image.
set -euo pipefail
cd "$(dirname "$0")/.."
export CONTAINERS_CONF="${CONTAINERS_CONF:-$PWD/k8s/containers.conf}"
base=docker.io/library/python:3.11-slim-bookworm
packages=localhost/videopoet-base:bookworm # where the base cannot be pulled

if podman image exists "$packages"; then
  base=$packages
elif ! podman image exists "$base" && ! podman pull --quiet "$base" 2>/dev/null; then
  echo "the base image cannot be pulled: making one of Debian's packages (a minute)"
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,git bookworm "$root" >"$root.log" ||
    { tail "$root.log" >&2; exit 1; }
  rm -rf "$root.log" "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
  tar --directory "$root" --create . |
    podman import --quiet --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' - "$packages" >/dev/null
  base=$packages
fi

lent=()
lend() { if [[ -e $1 ]]; then lent+=(--volume "$1:$1:ro"); fi; }
lend /etc/pip.conf
lend /etc/xdg/pip
lend /etc/ssl/certs
lend "$HOME/.config/pip"
# Folders that pip is configured to search; an index file refers to the files beside it.
folders=$(pip config list | grep -oE "(file://)?/[^ ']+" | sed -E 's#^file://(.*)/[^/]+/?$#\1#' | sort --unique)
for folder in $folders; do if [[ -d $folder ]]; then lend "$folder"; fi; done

revision=$(git describe --always --dirty 2>/dev/null || echo unknown)
podman build --quiet --isolation chroot --network host --layers "${lent[@]}" --file k8s/Containerfile --target cpu \
  --build-arg BASE="$base" --build-arg TORCH_INDEX="${TORCH_INDEX:-}" --build-arg REVISION="$revision" \
  --tag videopoet:cpu .
podman image inspect --format 'videopoet:cpu has {{.Size}} bytes' videopoet:cpu
