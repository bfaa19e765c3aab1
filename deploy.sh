#!/usr/bin/env bash
# Deploys the function to Nuclio and checks it with one real face. `./deploy.sh --help` lists the options.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$root/.venv/bin/python

namespace=nuclio project=faceblur registry='' replicas=1 service_type=ClusterIP
platform=kube name=faceblur cpu='' dry_run=''

usage() {
    cat <<'HELP'
Usage: ./deploy.sh [options]

Builds the function's image, deploys it to Nuclio, waits until it is ready, sends one real face through it and prints
the `faceblur run` line to use. Needs nuctl and docker here, and kubectl where the function has no external address.

  --namespace NAME      Kubernetes namespace of Nuclio's functions     [default: nuclio]
  --project NAME        Nuclio project, created when it is missing; CVAT lists the functions
                        of the project `cvat`                          [default: faceblur]
  --name NAME           name of the function                           [default: faceblur]
  --registry URL        registry to push the image to, that the nodes can pull from
  --replicas N          pods, each with one GPU                        [default: 1]
  --service-type TYPE   ClusterIP or NodePort                          [default: ClusterIP]
  --cpu                 the small model for clusters without GPUs
  --platform NAME       Nuclio's platform: kube or local               [default: kube]
  --dry-run             print what would be run and deployed, and change nothing
  -h, --help            this text
HELP
}

# fail MESSAGE [HINT...]: the message, and what to do next, a line each.
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    if (($#)); then printf '  %s\n' "$@" >&2; fi
    exit 1
}

wrong_call() {
    printf 'error: %s\nSee ./deploy.sh --help\n' "$1" >&2
    exit 2
}

# in_project MODULE ARGUMENT...: runs a module of this repository with its own Python.
in_project() { (cd "$root" && "$python" -m "$@"); }

while (($#)); do
    case $1 in
    --namespace | --project | --name | --registry | --replicas | --service-type | --platform)
        (($# > 1)) && [[ -n $2 && $2 != --* ]] || wrong_call "$1 needs a value"
        case $1 in
        --namespace) namespace=$2 ;;
        --project) project=$2 ;;
        --name) name=$2 ;;
        --registry) registry=$2 ;;
        --replicas) replicas=$2 ;;
        --service-type) service_type=$2 ;;
        --platform) platform=$2 ;;
        esac
        shift 2
        ;;
    --cpu) cpu=--cpu && shift ;;
    --dry-run) dry_run=yes && shift ;;
    -h | --help) usage && exit 0 ;;
    *) wrong_call "unknown option $1" ;;
    esac
done
[[ $replicas =~ ^[1-9][0-9]*$ ]] || wrong_call "--replicas $replicas: a number from 1 on"
[[ $service_type == ClusterIP || $service_type == NodePort ]] || wrong_call "--service-type is ClusterIP or NodePort"
[[ $platform == kube || $platform == local ]] || wrong_call "--platform is kube or local"
[[ $name =~ ^[a-z]([a-z0-9-]*[a-z0-9])?$ ]] || wrong_call "--name $name: small letters, digits and hyphens"
[[ $registry != http*://* ]] || wrong_call "--registry $registry: without http:// or https://"

nuctl_get=(nuctl --platform "$platform" --namespace "$namespace" get)
nuctl_create=(nuctl --platform "$platform" --namespace "$namespace" create project "$project")
forward=(kubectl --namespace "$namespace" port-forward "svc/nuclio-$name" :8080)
if [[ $platform == kube ]]; then
    logs="kubectl --namespace $namespace logs --tail 100 --selector nuclio.io/function-name=$name"
    pods="kubectl --namespace $namespace describe pods --selector nuclio.io/function-name=$name"
else
    logs="docker logs --tail 100 nuclio-$namespace-$name"
    pods="docker ps --all --filter name=nuclio-$namespace-$name"
fi

work=$(mktemp -d)
forward_pid=''
clean_up() {
    if [[ -n $forward_pid ]]; then
        kill "$forward_pid" 2>/dev/null || true
        wait "$forward_pid" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Only what the image needs.
stage=$work/stage
mkdir "$stage"
if [[ ! -x $python ]]; then
    make --silent -C "$root" .venv/run.done >&2 ||
        fail "could not set up $root/.venv" "It needs Python 3.11, pip and make; the lines above say what is missing."
fi
cp -R "$root/function" "$stage/function"
find "$stage" -name __pycache__ -prune -exec rm -rf {} +
in_project driver.deploy render "$name" ${cpu:+"$cpu"} <"$root/function.yaml" >"$stage/function.yaml" ||
    fail "function.yaml could not be prepared" "git diff function.yaml shows what was changed in it."

deploy=(nuctl --platform "$platform" --namespace "$namespace" deploy "$name"
    --project-name "$project" --path "$stage" --file "$stage/function.yaml"
    --min-replicas "$replicas" --max-replicas "$replicas" --http-trigger-service-type "$service_type")
if [[ -n $registry ]]; then deploy+=(--registry "$registry"); fi

if [[ -n $dry_run ]]; then
    echo "# commands"
    printf '%q ' "${nuctl_create[@]}" && echo "  # when the project is missing"
    printf '%q ' "${deploy[@]}" && echo
    printf '%q ' "${nuctl_get[@]}" && printf 'function %q -o json\n' "$name"
    printf '%q ' "${forward[@]}" && echo "  # when the function has no external address"
    echo "# staged files"
    (cd "$stage" && find . -type f | sort)
    echo "# function.yaml"
    cat "$stage/function.yaml"
    exit 0
fi

command -v nuctl >/dev/null ||
    fail "nuctl is not on the PATH" "Get the nuctl that fits your Nuclio from its releases page, then run this again."

# Older releases answer 0 and "No projects found" for a missing project, newer ones 1: so ask for all of them first.
"${nuctl_get[@]}" project >"$work/out" 2>&1 || {
    cat "$work/out" >&2
    fail "nuctl cannot reach Nuclio in namespace $namespace" \
        "Is this the right cluster, are you logged in to it?  kubectl config current-context" \
        "Does Nuclio run there?  kubectl --namespace $namespace get pods" \
        "Another namespace?  ./deploy.sh --namespace NAME"
}
if ! "${nuctl_get[@]}" project "$project" >"$work/out" 2>&1 || ! grep -qwF -- "$project" "$work/out"; then
    echo "Creating project $project"
    if ! "${nuctl_create[@]}" >"$work/out" 2>&1 && ! grep -qi 'already exists' "$work/out"; then
        cat "$work/out" >&2
        fail "project $project could not be created" \
            "Ask for the right to create nuclioprojects in namespace $namespace," \
            "or name a project that exists with --project; to list them:  ${nuctl_get[*]} project"
    fi
fi

echo "Deploying $name: the first build takes a while"
"${deploy[@]}" || fail "the deployment of $name failed" \
    "If the image was not built or pushed, the lines above say why; is docker running, is --registry right?" \
    "If the function did not start:  $logs" \
    "If its pod waits for a node or an image:  $pods" \
    "No node with a GPU?  ./deploy.sh --cpu"

"${nuctl_get[@]}" function "$name" -o json >"$work/out" || fail "nuctl cannot describe $name" \
    "Try again:  ${nuctl_get[*]} function $name"
found=$(in_project driver.deploy address <"$work/out") || fail "$name has no address to use" \
    "See its state:  ${nuctl_get[*]} function $name -o wide" "See its log:  $logs"
read -r way url port <<<"$found"
if [[ $platform == local && $way == forward ]]; then way=direct url=http://127.0.0.1:$port; fi

test_url=$url
if [[ $way == forward ]]; then
    command -v kubectl >/dev/null || fail "$name is deployed at $url, inside the cluster only, and could not be checked" \
        "kubectl is not on the PATH. Install it, or deploy with --service-type NodePort, and run this again."
    # Without a local port kubectl takes a free one, which it names in its output.
    : >"$work/forward"  # the loop below may read it before the job has opened it
    "${forward[@]}" >"$work/forward" 2>&1 &
    forward_pid=$!
    local_port=''
    for ((tries = 0; tries < 150; tries++)); do
        local_port=$(sed -n 's/^Forwarding from 127\.0\.0\.1:\([0-9]*\) .*/\1/p' "$work/forward")
        if [[ -n $local_port ]] || ! kill -0 "$forward_pid" 2>/dev/null; then break; fi
        sleep 0.2
    done
    if [[ -z $local_port ]]; then
        cat "$work/forward" >&2
        fail "$name is deployed at $url, but kubectl could not forward a port to it" \
            "Try it yourself:  kubectl --namespace $namespace port-forward svc/nuclio-$name 8080:8080" \
            "May you use pods/portforward?  kubectl --namespace $namespace auth can-i create pods/portforward"
    fi
    test_url=http://127.0.0.1:$local_port
fi

echo "Checking $name with one real face"
in_project driver.smoke "$test_url" || fail "$name is deployed at $url but failed the check" \
    "See its log:  $logs" "Try again:  .venv/bin/python -m driver.smoke $test_url" \
    "Until it passes, don't use it for footage that matters."

echo
if [[ $way == direct ]]; then
    echo "Use it:  .venv/bin/faceblur run --function $url VIDEOS -o OUTDIR"
else
    echo "Use it inside the cluster:  faceblur run --function $url VIDEOS -o OUTDIR"
    if ((port)); then
        echo "From outside:  .venv/bin/faceblur run --function http://ANY-NODE:$port VIDEOS -o OUTDIR"
    else
        # A forwarded port leads to a single pod, however many there are.
        echo "From here, through one pod:  kubectl --namespace $namespace port-forward svc/nuclio-$name 8080:8080"
        echo "  and then:  .venv/bin/faceblur run --function http://127.0.0.1:8080 VIDEOS -o OUTDIR"
    fi
fi
