#!/usr/bin/env bash
# Deploys the function to Nuclio and checks it with one real face. `./deploy.sh --help` lists the options.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$root/.venv/bin/python

namespace=nuclio project=faceblur registry='' replicas=1 service_type=ClusterIP
platform=kube name=faceblur cpu='' dry_run='' gate='' min_recall=''

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
  --gate DATASET        labelled faces (see `faceblur evaluate --help`): the function is deployed as NAME-gate
                        first, and its image as NAME only when it detects enough of them
  --min-recall X        the recall that is enough, 0 to 1, over the faces of 16 and more pixels
  --dry-run             print what would be run and deployed, and change nothing
  -h, --help            this text
HELP
}

# fail MESSAGE [HINT...]: prints the message, and what to do next, a line each; exits with 1.
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    if (($#)); then printf '  %s\n' "$@" >&2; fi
    exit 1
}

usage_error() {
    printf 'error: %s\nSee ./deploy.sh --help\n' "$1" >&2
    exit 2
}

# in_project MODULE ARGUMENT...: runs a module of this repository with its own Python.
in_project() { (cd "$root" && "$python" -m "$@"); }

while (($#)); do
    case $1 in
    --namespace | --project | --name | --registry | --replicas | --service-type | --platform | \
        --gate | --min-recall)
        (($# > 1)) && [[ -n $2 && $2 != --* ]] || usage_error "$1 needs a value"
        case $1 in
        --namespace) namespace=$2 ;;
        --project) project=$2 ;;
        --name) name=$2 ;;
        --registry) registry=$2 ;;
        --replicas) replicas=$2 ;;
        --service-type) service_type=$2 ;;
        --platform) platform=$2 ;;
        --gate) gate=$2 ;;
        --min-recall) min_recall=$2 ;;
        esac
        shift 2
        ;;
    --cpu) cpu=--cpu && shift ;;
    --dry-run) dry_run=yes && shift ;;
    -h | --help) usage && exit 0 ;;
    *) usage_error "unknown option $1" ;;
    esac
done
[[ $replicas =~ ^[1-9][0-9]*$ ]] || usage_error "--replicas $replicas: a number from 1 on"
[[ $service_type == ClusterIP || $service_type == NodePort ]] || usage_error "--service-type is ClusterIP or NodePort"
[[ $platform == kube || $platform == local ]] || usage_error "--platform is kube or local"
[[ $name =~ ^[a-z]([a-z0-9-]*[a-z0-9])?$ ]] || usage_error "--name $name: small letters, digits and hyphens"
[[ ${gate:+given} == "${min_recall:+given}" ]] || usage_error "--gate and --min-recall go together"
[[ -z $min_recall || $min_recall =~ ^(0(\.[0-9]+)?|1(\.0+)?)$ ]] || usage_error "--min-recall $min_recall: from 0 to 1"
[[ -z $gate || -e $gate ]] || usage_error "--gate $gate: no such file or directory"
[[ -z $gate || $gate == /* ]] || gate=$PWD/$gate
[[ $registry != http*://* ]] || usage_error "--registry $registry: without http:// or https://"

nuctl_get=(nuctl --platform "$platform" --namespace "$namespace" get)
nuctl_delete=(nuctl --platform "$platform" --namespace "$namespace" delete function)
nuctl_create=(nuctl --platform "$platform" --namespace "$namespace" create project "$project")
# select_function NAME: the function that the commands and hints below are for: the candidate of --gate, or the
# function itself.
select_function() {
    function=$1
    forward=(kubectl --namespace "$namespace" port-forward "svc/nuclio-$function" :8080)
    if [[ $platform == kube ]]; then
        logs="kubectl --namespace $namespace logs --tail 100 --selector nuclio.io/function-name=$function"
        pods="kubectl --namespace $namespace describe pods --selector nuclio.io/function-name=$function"
    else
        logs="docker logs --tail 100 nuclio-$namespace-$function"
        pods="docker ps --all --filter name=nuclio-$namespace-$function"
    fi
}

work=$(mktemp -d)
forward_pid='' candidate=''
end_forward() {
    if [[ -z $forward_pid ]]; then return 0; fi
    kill "$forward_pid" 2>/dev/null || true
    wait "$forward_pid" 2>/dev/null || true
    forward_pid=''
}
delete_candidate() {
    if [[ -z $candidate ]]; then return 0; fi
    "${nuctl_delete[@]}" "$candidate" >"$work/out" 2>&1 || {
        cat "$work/out" >&2
        echo "warning: $candidate could not be deleted, and may hold a GPU:  ${nuctl_delete[*]} $candidate" >&2
    }
    candidate=''
}
clean_up() {
    end_forward
    delete_candidate
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
cp -R "$root/function/faceblur_function" "$stage/faceblur_function"
find "$stage" -name __pycache__ -prune -exec rm -rf {} +

# render NAME: the function.yaml to deploy under this name.
render() {
    in_project faceblur.detection.deployment.render_function_yaml "$1" ${cpu:+"$cpu"} <"$root/function.yaml" >"$stage/function.yaml" ||
        fail "function.yaml could not be prepared" "git diff function.yaml shows what was changed in it."
}

# deploy_command REPLICAS OPTION...: sets `deploy` for the selected function; the options name its source or image.
deploy_command() {
    deploy=(nuctl --platform "$platform" --namespace "$namespace" deploy "$function"
        --project-name "$project" "${@:2}" --file "$stage/function.yaml"
        --min-replicas "$1" --max-replicas "$1" --http-trigger-service-type "$service_type")
}
from_source=(--path "$stage")
if [[ -n $registry ]]; then from_source+=(--registry "$registry"); fi
if [[ -n $gate ]]; then
    # A tag of its own: with `latest`, a restarted pod of the function would pull the next candidate.
    candidate_image=$name:$(date -u +%Y%m%d-%H%M%S)
    evaluate=("$python" -m faceblur evaluate "$gate" --min-recall "$min_recall" --function)
fi

if [[ -n $dry_run ]]; then
    echo "# commands"
    printf '%q ' "${nuctl_create[@]}" && echo "  # when the project is missing"
    if [[ -n $gate ]]; then
        select_function "$name-gate"
        deploy_command 1 "${from_source[@]}" --image "$candidate_image"
        printf '%q ' "${deploy[@]}" && echo
        printf '%q ' "${evaluate[@]}" && echo "URL-OF-$function"
        printf '%q ' "${nuctl_delete[@]}" "$function" && echo
        from_source=(--run-image "IMAGE-OF-$function")
    fi
    select_function "$name"
    render "$name"
    deploy_command "$replicas" "${from_source[@]}"
    printf '%q ' "${deploy[@]}" && echo
    printf '%q ' "${nuctl_get[@]}" && printf 'function %q -o json\n' "$name"
    printf '%q ' "${forward[@]}" && echo "  # when the function has no external address"
    echo "# staged files"
    (cd "$stage" && find . -type f | sort)
    echo "# function.yaml"
    cat "$stage/function.yaml"
    exit 0
fi

# Before the build, which takes minutes: the labels must be there and complete.
if [[ -n $gate ]]; then
    "$python" -c 'import faster_coco_eval' 2>/dev/null || make --silent -C "$root" .venv/evaluate.done >&2 ||
        fail "could not install what --gate needs" "See the lines above:  make .venv/evaluate.done"
    in_project faceblur.evaluation.datasets "$gate" || exit
fi

command -v nuctl >/dev/null ||
    fail "nuctl is not on the PATH" "Get the nuctl that fits your Nuclio from its releases page, then run this again."

# For a missing project older releases exit with 0 and print "No projects found", newer ones exit with 1: so all
# projects are listed first.
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

# deploy_function REPLICAS OPTION...: deploys the selected function and waits until it is ready.
deploy_function() {
    deploy_command "$@"
    "${deploy[@]}" || fail "the deployment of $function failed" \
        "If the image was not built or pushed, the lines above say why; is docker running, is --registry right?" \
        "If the function did not start:  $logs" \
        "If its pod waits for a node or an image:  $pods" \
        "No node with a GPU?  ./deploy.sh --cpu"
}

# reach: sets `url` and `port` of the selected function, and `test_url`, at which it answers from this machine.
reach() {
    "${nuctl_get[@]}" function "$function" -o json >"$work/out" || fail "nuctl cannot describe $function" \
        "Try again:  ${nuctl_get[*]} function $function"
    address=$(in_project faceblur.detection.deployment.nuctl_answers address <"$work/out") || fail "$function has no address to use" \
        "See its state:  ${nuctl_get[*]} function $function -o wide" "See its log:  $logs"
    read -r access url port <<<"$address"
    if [[ $platform == local && $access == forward ]]; then access=direct url=http://127.0.0.1:$port; fi

    test_url=$url
    if [[ $access == forward ]]; then
        command -v kubectl >/dev/null ||
            fail "$function is deployed at $url, inside the cluster only, and could not be checked" \
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
            fail "$function is deployed at $url, but kubectl could not forward a port to it" \
                "Try it yourself:  kubectl --namespace $namespace port-forward svc/nuclio-$function 8080:8080" \
                "May you use pods/portforward?  kubectl --namespace $namespace auth can-i create pods/portforward"
        fi
        test_url=http://127.0.0.1:$local_port
    fi
}

if [[ -n $gate ]]; then
    select_function "$name-gate"
    echo "Deploying the candidate $function: the first build takes a while"
    render "$function"
    candidate=$function
    deploy_function 1 "${from_source[@]}" --image "$candidate_image"
    reach
    image=$(in_project faceblur.detection.deployment.nuctl_answers image <"$work/out") || fail "nuctl does not report the image of $function"
    echo "Evaluating $function on $gate"
    (cd "$root" && "${evaluate[@]}" "$test_url") ||
        fail "$function did not pass: $name was not deployed, what ran before still runs" "Its image is $image."
    end_forward
    delete_candidate  # before the function itself, which may need its GPU
    # The same image. With --path or --image nuctl would build another one.
    from_source=(--run-image "$image")
fi

select_function "$name"
render "$name"
if [[ -z $gate ]]; then echo "Deploying $name: the first build takes a while"; else echo "Deploying $name"; fi
deploy_function "$replicas" "${from_source[@]}"
reach

echo "Checking $name with one real face"
in_project faceblur.detection.deployment.smoke_check "$test_url" || fail "$name is deployed at $url but failed the check" \
    "See its log:  $logs" "Try again:  .venv/bin/python -m faceblur.detection.deployment.smoke_check $test_url" \
    "Until it passes, don't use it for footage that matters."

echo
if [[ $access == direct ]]; then
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
