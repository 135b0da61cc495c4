package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// MemberRights is Rights for a member of a group: that takes Read on the group, and
// Write on the transactional id of each of its members. These are the members' own,
// so it takes that on all ids that begin as theirs do. It joins nothing.
func (c *Cluster) MemberRights(ctx context.Context, group string, needs ...Need) (Rights, error) {
	prefix := transactionalIDs(group)
	// No member has this id. Who may use it is told by the rights on the prefix.
	rights, err := c.Rights(ctx, prefix+"check", needs...)
	if err != nil {
		return Rights{}, err
	}
	for _, list := range [][]Right{rights.Missing, rights.Unseen} {
		for i, right := range list {
			if right.Resource == "transactional id" {
				list[i] = c.right("transactional ids that begin with", "--resource-pattern-type prefixed --transactional-id", prefix, right.Operations...)
			}
		}
	}
	err = c.groupRights(ctx, group, &rights)
	return rights, err
}

// groupRights asks what may be done to the group (KIP-430).
func (c *Cluster) groupRights(ctx context.Context, group string, rights *Rights) error {
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = []string{group}
	request.IncludeAuthorizedOperations = true
	response, err := request.RequestWith(ctx, c.client)
	if err == nil && len(response.Groups) != 1 {
		err = fmt.Errorf("the broker answered for %d groups where one was asked for", len(response.Groups))
	}
	var operations int32
	if err == nil {
		operations = response.Groups[0].AuthorizedOperations
		err = kerr.ErrorForCode(response.Groups[0].ErrorCode)
	}
	lacks := c.right("group", "--group", group, "Read")
	var answer *kerr.Error
	switch {
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		rights.Missing = append(rights.Missing, lacks)
	case err != nil && !errors.As(err, &answer):
		return fmt.Errorf("rights on the group %s: %w", group, classify(err))
	case operations == math.MinInt32: // of a group that does not exist some brokers tell nothing
		rights.Unseen = append(rights.Unseen, lacks)
	case !slices.Contains(kadm.DecodeACLOperations(operations), kmsg.ACLOperationRead):
		if err != nil {
			rights.Unseen = append(rights.Unseen, lacks)
			break
		}
		rights.Missing = append(rights.Missing, lacks)
	}
	return nil
}

// transactionalIDs is what the transactional ids of a group's members begin with.
func transactionalIDs(group string) string { return "enricher." + group + "." }
