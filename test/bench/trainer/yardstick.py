"""One run of LightGBM or XGBoost over the files of data.ts; prints a RunResult as JSON."""
import json
import os
import resource
import sys
import time

import numpy

task = json.loads(sys.argv[1])
width = task["width"]


def read(name):
    return numpy.fromfile(os.path.join(task["directory"], name + ".f32"), dtype=numpy.float32)


def matrix(values):
    return numpy.ascontiguousarray(values.reshape(width, -1).T)


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


features, target = matrix(read("features")), read("target")
absolute = task["loss"] == "absolute"
if task["library"] == "lightgbm":
    import lightgbm

    begun, cpu_begun = time.perf_counter(), cpu_seconds()
    options = {
        "objective": "regression_l1" if absolute else "regression",
        "num_leaves": 2 ** task["depth"],
        "max_depth": task["depth"],
        "learning_rate": 0.1,
        "min_data_in_leaf": 20,
        "min_sum_hessian_in_leaf": 0,
        "lambda_l2": 1,
        "max_bin": 255,
        "num_threads": task["threads"],
        "verbosity": -1,
        "seed": 0,
    }
    data = lightgbm.Dataset(features, target, params=options)
    data.construct()
    prepared, cpu_prepared = time.perf_counter(), cpu_seconds()
    model = lightgbm.train(options, data, num_boost_round=task["rounds"])
    predict = model.predict
else:
    import xgboost

    begun, cpu_begun = time.perf_counter(), cpu_seconds()
    options = {
        "objective": "reg:absoluteerror" if absolute else "reg:squarederror",
        "tree_method": "hist",
        "max_depth": task["depth"],
        "max_leaves": 2 ** task["depth"],
        "grow_policy": "lossguide" if task["growth"] == "leaf-wise" else "depthwise",
        "eta": 0.1,
        "min_child_weight": 20,
        "lambda": 1,
        "max_bin": 256,
        "nthread": task["threads"],
        "seed": 0,
    }
    data = xgboost.QuantileDMatrix(features, target, max_bin=256, nthread=task["threads"])
    prepared, cpu_prepared = time.perf_counter(), cpu_seconds()
    model = xgboost.train(options, data, num_boost_round=task["rounds"])

    def predict(rows):
        return model.predict(xgboost.DMatrix(rows))


trained, cpu_trained = time.perf_counter(), cpu_seconds()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
error = predict(matrix(read("test_features"))) - read("test_target")
print(
    json.dumps(
        {
            "prepare_seconds": prepared - begun,
            "train_seconds": trained - prepared,
            "prepare_cpu_seconds": cpu_prepared - cpu_begun,
            "train_cpu_seconds": cpu_trained - cpu_prepared,
            "rmse": float(numpy.sqrt(numpy.mean(error.astype(numpy.float64) ** 2))),
            "mae": float(numpy.mean(numpy.abs(error))),
            "peak_mebibytes": peak,
        }
    )
)
