"""
What the network makes of the rows
==================================

``embed`` returns the network's representation of each row. Here the unseen rows of a
table are drawn twice along their first two principal components: as they go into the
network, and as they come out of its encoder.
"""

# %%
# The rows are blocks on a printed page. Class 1 is text and makes up nine tenths; the
# source contradicts itself about classes 3 and 5 (picture or graphic).
import matplotlib.pyplot as plt
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from qclmixnet import QCLMixNetClassifier, load_dataset
from qclmixnet.preprocessing import TableEncoder
from qclmixnet.table import read_table, read_training_table

X, y = load_dataset("page_blocks", return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
clf = QCLMixNetClassifier(max_epochs=15, random_state=0).fit(X_train, y_train)

# %%
# The same encoder that the classifier uses, fitted on the same training rows, gives
# the network's inputs.
schema, table = read_training_table(X_train)
encoder = TableEncoder(scaling=clf.recipe_.scaling).fit(table, schema)
before = encoder.encode(read_table(X_test, schema)).x_num
after = clf.embed(X_test)
print(before.shape, after.shape)

# %%
# Common classes are drawn first and pale, so that the rare ones stay visible. The
# picture shows; it does not prove: two components are a shadow of all the others.
names = {
    "1": "text",
    "2": "horizontal line",
    "3": "class 3",
    "4": "vertical line",
    "5": "class 5",
}
colours = {"1": "0.8", "2": "C0", "3": "C3", "4": "C1", "5": "C2"}
figure, panels = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
titles = ("Inputs", "Representation")
for axes, rows, title in zip(panels, (before, after), titles, strict=True):
    points = PCA(2, random_state=0).fit_transform(rows)
    for label in y_test.value_counts().index:
        mine = (y_test == label).to_numpy()
        axes.scatter(
            points[mine, 0],
            points[mine, 1],
            s=8 if label == "1" else 22,
            color=colours[label],
            label=f"{names[label]} ({mine.sum()})",
        )
    axes.set(title=title, xlabel="first component", ylabel="second component")
    axes.spines[["top", "right"]].set_visible(False)
handles, texts = panels[0].get_legend_handles_labels()
figure.legend(handles, texts, loc="outside lower center", ncols=5, frameon=False)
plt.show()
