# To be sourced on the GPU machine: unpacks the parts that `kit` made and that lie in $PARTS, and defines `on_gpu`, which
# runs a command with TensorFlow on its GPU. CUDA 13's libraries get the names under which TensorFlow asks for CUDA 12's.
PARTS=${PARTS:-/tmp/parts}
UNPACKED=${UNPACKED:-/tmp/unpacked}
export PSST=$UNPACKED/psst PYTHONDONTWRITEBYTECODE=1

link() { # the library $1 of CUDA, whatever its number, under the number $2
    local found
    found=$(grep -E "/lib$1\.so\.[0-9]+$" "$UNPACKED/libraries" | head -1)
    if [ -n "$found" ]; then ln -sf "$found" "$UNPACKED/cuda/lib/lib$1.so.$2"; else echo "no lib$1"; fi
}

unpack() {
    local packages name
    mkdir -p "$UNPACKED"/{site,psst,cuda/lib}
    cat "$PARTS"/tensorflow.tar.xz.* | xz -dc -T0 | tar xf - -C "$UNPACKED/site"
    xz -dc -T0 "$PARTS/site.tar.xz" | tar xf - -C "$UNPACKED/site"
    tar xzf "$PARTS/psst.tgz" -C "$PSST"
    tar xzf "$PARTS/cuda12.tgz" -C "$UNPACKED/cuda"
    packages=$(python3 -c 'from pathlib import Path; import torch; print(Path(torch.__file__).parents[1])')
    find -L "$packages/nvidia" /usr/local/cuda/lib64 /usr/local/cuda/targets -name 'lib*.so.*' 2> /dev/null |
        sort > "$UNPACKED/libraries"
    link cublas 12; link cublasLt 12; link cufft 11; link cusolver 11; link cusparse 12; link curand 10
    link cupti 12; link cudnn 9; link nccl 2; link nvrtc 12; link nvJitLink 12
    for name in libcublas libcudnn; do grep "/$name" "$UNPACKED/libraries" | head -1 | xargs -r dirname; done |
        sort -u | paste -sd: > "$UNPACKED/folders"
    touch "$UNPACKED/ready"
}

on_gpu() {
    env PYTHONPATH="$UNPACKED/site:$PSST:$PSST/workflow/benchmark" \
        LD_LIBRARY_PATH="$UNPACKED/cuda/lib:$(cat "$UNPACKED/folders"):${LD_LIBRARY_PATH:-}" \
        PATH="$UNPACKED/cuda/bin:$PATH" TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}" \
        XLA_FLAGS="--xla_gpu_cuda_data_dir=$UNPACKED/cuda ${XLA_FLAGS:-}" "$@"
}

[ -e "$UNPACKED/ready" ] || unpack
