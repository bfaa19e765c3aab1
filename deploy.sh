#!/usr/bin/env bash
# Deploys the function to Nuclio and checks it with one real face. `./deploy.sh --help` lists the options.
# The work is done in driver/faceblur/detection/deployment/.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$root/.venv/bin/python

usage() {
    cat <<'HELP'
Usage: ./deploy.sh [options]

Builds the function's image, deploys it to Nuclio, waits until it is ready, sends one real face through it and prints
the `faceblur run` line to use. Needs nuctl and docker here, and kubectl to watch the pods and where the function has no
external address. What an option leaves unsaid stays as it is in the cluster: project, replicas, service type, port and
registry; the defaults are for a first deployment.

  --namespace NAME      Kubernetes namespace of Nuclio's functions     [default: nuclio]
  --project NAME        Nuclio project, created when it is missing; CVAT lists the functions
                        of the project `cvat`                          [default: faceblur]
  --name NAME           name of the function                           [default: faceblur]
  --registry URL        registry to push the image to, that the nodes can pull from
  --replicas N          pods, each with one GPU                        [default: 1]
  --service-type TYPE   ClusterIP or NodePort                          [default: ClusterIP]
  --port N              port on this machine (--platform local) or on the nodes (NodePort)
                                                                       [default: a free one]
  --cpu                 the small model for clusters without GPUs
  --platform NAME       Nuclio's platform: kube or local               [default: kube]
  --image IMAGE         run this image, which was built elsewhere: no build, no docker
  --gate DATASET        labelled faces (see `faceblur evaluate --help`): the function is deployed as NAME-gate
                        first, and its image as NAME only when it detects enough of them
  --min-recall X        the recall that is enough, 0 to 1, over the faces of 16 and more pixels
  --fleet DIR           start the fleet of this folder too, such as deploy/fleet/gpu, once the
                        function has passed its check; docs/fleet.md says what it needs
  --scale N             only change the number of pods: no build, and those that run go on
  --delete              only delete the function; this and --scale go with --platform, --namespace
                        and --name alone
  --dry-run             print what would be run and deployed, and change nothing
  -h, --help            this text
HELP
}

for option in "$@"; do
    if [[ $option == -h || $option == --help ]]; then usage && exit 0; fi
done

if [[ ! -x $python ]]; then
    echo "Setting up $root/.venv, once: this takes a minute or two" >&2
    make --silent -C "$root" .venv/run.done >&2 || {
        echo "error: could not set up $root/.venv" >&2
        echo "  It needs Python 3.11, pip and make; the lines above say what is missing." >&2
        exit 1
    }
fi
exec "$python" -P -m faceblur.detection.deployment.deploy "$@"
