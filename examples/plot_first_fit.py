"""
A first fit
===========

Fit a real table with rare classes, see how it learned and what it confuses.

The rows are computing jobs, the classes how long they ran: very fast (VF), fast (F),
moderate (M) or long (L).
"""

# %%
# The table goes in as it is. A quarter of each class is kept aside.
import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay, classification_report
from sklearn.model_selection import train_test_split

from qclmixnet import QCLMixNetClassifier, load_dataset

X, y = load_dataset("hpc_jobs", return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
print(y_train.value_counts())

# %%
# Twenty epochs keep this page quick; leave ``max_epochs`` out for a full fit.
clf = QCLMixNetClassifier(max_epochs=20, random_state=0).fit(X_train, y_train)
print(f"kept epoch {clf.best_epoch_} of {clf.n_iter_}")

# %%
# The training loss falls smoothly. The scores on the held-out part jump, since its
# rare classes have few rows; the epoch with the best macro-F1 is kept.
epochs = [record.epoch for record in clf.history_]
figure, (top, bottom) = plt.subplots(2, sharex=True, layout="constrained")
top.plot(epochs, [record.loss for record in clf.history_], color="0.4")
top.set_ylabel("training loss")
bottom.plot(epochs, [record.macro_f1 for record in clf.history_], label="macro-F1")
recall = [record.macro_recall for record in clf.history_]
bottom.plot(epochs, recall, label="macro recall")
bottom.axvline(clf.best_epoch_, color="0.6", linestyle=":", label="kept")
bottom.set(xlabel="epoch", ylabel="held-out part")
bottom.xaxis.get_major_locator().set_params(integer=True)
bottom.legend(frameon=False)
plt.show()

# %%
# Each row of the matrix is a true class; its cells say where those rows went.
predicted = clf.predict(X_test)
order = ["VF", "F", "M", "L"]
figure, axes = plt.subplots(layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    y_test,
    predicted,
    labels=order,
    normalize="true",
    values_format=".2f",
    cmap="Blues",
    ax=axes,
)
axes.set_title("Share of each true class, unseen rows")
plt.show()

# %%
print(classification_report(y_test, predicted, labels=order))
