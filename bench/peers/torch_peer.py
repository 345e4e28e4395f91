"""The PyTorch side of the benchmark: one JSON request a line on stdin, one JSON answer a line on stdout.

Request: a case of bench/cases.ts with "reps" and "queued"; answer {"ms": [..]} or {"error": ".."}.
Each of the "reps" samples is the time of "queued" runs, over their number, from an idle device to an
idle device. Setting a case up is not timed, and the last one stays set up.

PEER_DEVICE: cpu, cuda, or auto (CUDA where there is one). On CUDA float32 is float32 (TF32 is off),
and cuDNN measures its algorithms first, as ours does when it is tuned.
"""
import json
import os
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

threads = int(os.environ.get("PEER_THREADS", "2"))
torch.set_num_threads(threads)
torch.manual_seed(0)
wanted = os.environ.get("PEER_DEVICE", "cpu")
available = torch.cuda.is_available()
if wanted == "cuda" and not available:
    sys.exit(f"PyTorch {torch.__version__} finds no CUDA device: use --peer-device cpu")
cuda = available and wanted in ("auto", "cuda")
device = torch.device("cuda" if cuda else "cpu")
if cuda:
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True


class Block(nn.Module):
    def __init__(self, c_in, c, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c)
        self.conv2 = nn.Conv2d(c, c, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c)
        self.shortcut = nn.Sequential()
        if stride != 1 or c_in != c:
            self.shortcut = nn.Sequential(
                nn.Conv2d(c_in, c, 1, stride, bias=False), nn.BatchNorm2d(c)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self, width, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        layers, c_in = [], width
        for i, stride in enumerate((1, 2, 2, 2)):
            c = width * 2**i
            layers.append(nn.Sequential(Block(c_in, c, stride), Block(c, c, 1)))
            c_in = c
        self.layers = nn.Sequential(*layers)
        self.linear = nn.Linear(c_in, classes)

    def forward(self, x):
        y = self.layers(F.relu(self.bn1(self.conv1(x))))
        return self.linear(y.mean((2, 3)))


def matmul(n, _batch, _what):
    a, b = torch.randn(n, n, device=device), torch.randn(n, n, device=device)
    return lambda: a @ b


def conv(shape, batch, what):
    c_in, c_out, h, k, stride = shape
    x = torch.randn(batch, c_in, h, h, device=device)
    w = torch.randn(c_out, c_in, k, k, device=device)
    pad = k // 2
    y = F.conv2d(x, w, stride=stride, padding=pad)
    dy = torch.randn_like(y)
    if what == "fwd":
        return lambda: F.conv2d(x, w, stride=stride, padding=pad)
    mask = [what == "dx", what == "dw", False]
    return lambda: torch.ops.aten.convolution_backward(
        dy, x, w, None, [stride, stride], [pad, pad], [1, 1], False, [0, 0], 1, mask
    )


def batch_norm(c, h, batch, fused):
    x = torch.randn(batch, c, h, h, device=device, requires_grad=True)
    bn = nn.BatchNorm2d(c).to(device).train()
    dy = torch.randn(batch, c, h, h, device=device)
    residual = torch.randn(batch, c, h, h, device=device, requires_grad=True)

    def run():
        x.grad = None
        residual.grad = None
        bn.zero_grad()
        y = F.relu(bn(x) + residual) if fused else bn(x)
        y.backward(dy)

    return run


def sgd(n):
    parameter = torch.randn(n, device=device, requires_grad=True)
    parameter.grad = torch.randn(n, device=device)
    return torch.optim.SGD([parameter], lr=0.01, momentum=0.9, weight_decay=5e-4).step


def max_pool(c, h, batch):
    x = torch.randn(batch, c, h, h, device=device)
    return lambda: F.max_pool2d(x, 2)


def network(width, batch, what, mixed):
    net = ResNet18(width).to(device)
    x = torch.randn(batch, 3, 32, 32, device=device)
    labels = torch.randint(0, 10, (batch,), device=device)
    if what == "infer":
        net.eval()

        def infer():
            with torch.no_grad():
                net(x)

        return infer
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    if mixed:
        return mixed_step(net, x, labels, optimizer)

    def step():
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), labels).backward()
        optimizer.step()

    return step


def mixed_step(net, x, labels, optimizer):
    """Automatic mixed precision in float16 with dynamic loss scaling."""
    if not cuda:
        raise ValueError("mixed precision in float16 needs CUDA")
    scaler = torch.amp.GradScaler("cuda") if hasattr(torch.amp, "GradScaler") else torch.cuda.amp.GradScaler()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=torch.float16):
            loss = F.cross_entropy(net(x), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    return step


def build(request):
    kind, batch = request["kind"], request.get("batch", 1)
    if kind == "matmul":
        return matmul(request["n"], batch, None)
    if kind == "conv":
        return conv(request["shape"], batch, request["what"])
    if kind == "batchNorm":
        return batch_norm(request["c"], request["h"], batch, request["fused"])
    if kind == "sgd":
        return sgd(request["n"])
    if kind == "maxPool":
        return max_pool(request["c"], request["h"], batch)
    if kind == "resnet":
        return network(request["width"], batch, request["what"], request["precision"] == "mixed")
    raise ValueError(f"unknown case kind {kind}")


def sync():
    if cuda:
        torch.cuda.synchronize()


def where():
    if not cuda:
        return f"the CPU, {threads} threads"
    return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, TF32 off"


def warm_up(run):
    """As long as bench/runner.ts does it."""
    start, runs = time.perf_counter(), 0
    while runs < 2 or (runs < 200 and time.perf_counter() - start < 1.5):
        run()
        sync()
        runs += 1


built = {}
hello = {"peer": f"PyTorch {torch.__version__} on {where()}", "cuda": cuda}
print(json.dumps(hello), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    try:
        key = request["name"]
        if key not in built:
            built.clear()
            built[key] = build(request)
            warm_up(built[key])
        times, queued = [], request.get("queued", 1)
        for _ in range(request["reps"]):
            start = time.perf_counter()
            for _ in range(queued):
                built[key]()
            sync()
            times.append((time.perf_counter() - start) * 1000 / queued)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"ms": times, "peakBytes": peak}), flush=True)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
